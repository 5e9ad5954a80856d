/** Clients that ask a node of a fleet for a stream, and leave while the store is asked. */
import { expect, test } from 'vitest';
import type { Fields, LogContent } from '../../packages/breakwater/src/core/store.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { BOTH, call, open, openSession, post, request } from '../downstream/client.ts';
import { EventReader } from '../downstream/event-reader.ts';
import type { Harness } from '../downstream/harness.ts';
import { TestFleet, type TestNode, until } from './nodes.ts';

const SSE = { accept: 'text/event-stream' };

type Held = 'read' | 'takeLog';

/** A store that can be made to wait with what it is asked. */
class SlowStore extends MemoryStore {
  #held: { readonly what: Held; readonly onAsked: () => void; readonly gate: Promise<void> } | undefined;
  #open: () => void = () => undefined;

  /** Holds this back from now on; resolves when it is asked for. */
  hold(what: Held): Promise<void> {
    const { promise: gate, resolve } = Promise.withResolvers<void>();
    const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
    this.#held = { what, onAsked, gate };
    this.#open = resolve;
    return asked;
  }

  letGo(): void {
    this.#held = undefined;
    this.#open();
  }

  override async read(key: string): Promise<Fields | undefined> {
    await this.#pass('read');
    return await super.read(key);
  }

  override async takeLog(key: string, writer: string, ttlMs: number): Promise<LogContent | undefined> {
    await this.#pass('takeLog');
    return await super.takeLog(key, writer, ttlMs);
  }

  async #pass(what: Held): Promise<void> {
    if (this.#held?.what !== what) return;
    this.#held.onAsked();
    await this.#held.gate;
  }
}

async function two() {
  const { promise: made, resolve } = Promise.withResolvers<SlowStore>();
  const fleet = new TestFleet((clock) => {
    const store = new SlowStore(clock);
    resolve(store);
    return store;
  });
  return { fleet, store: await made, a: await fleet.join(), b: await fleet.join() };
}

async function openStream(harness: Harness, headers: Readonly<Record<string, string>>): Promise<EventReader> {
  return new EventReader(await open(harness, 'GET', { ...SSE, ...headers }));
}

/** Asks for a stream and leaves while the store is asked for what it needs. */
async function leaveEarly({ harness }: TestNode, store: SlowStore, what: Held, headers: object): Promise<void> {
  const asked = store.hold(what);
  const gone = new AbortController();
  const late = open(harness, 'GET', { ...SSE, ...headers }, undefined, '/mcp', gone.signal).catch(() => 'left');
  await asked;
  gone.abort();
  expect(await late).toBe('left');
  await until(() => new Promise((resolve) => harness.server.getConnections((_, count) => resolve(count === 0))));
  store.letGo();
}

// Attack: a client that asks for streams and leaves: each would be open for ever, and would have ended the one that its session reads.
test('who left while the session was looked up opens no stream, and ends none', async () => {
  const { fleet, store, a, b } = await two();
  await using _ = fleet;
  const headers = await openSession(a.harness);
  const first = await openStream(a.harness, headers);
  await first.next();
  await leaveEarly(b, store, 'read', headers);
  // What is asked after it is answered after it.
  expect((await post(b.harness, request('tools/list'), headers)).status).toBe(200);
  expect(b.harness.ledger.counts.stream).toBe(0);
  (await a.harness.subscriptions.nth(0)).report({ kind: 'tools' });
  expect((await first.message())?.data).toContain('tools/list_changed');
  await first.close();
});

// Attack: the same while what was missed is taken over from a node that is gone.
test('a stream that was taken over for somebody who left is closed, and there when they come back', async () => {
  const { fleet, store, a, b } = await two();
  await using _ = fleet;
  const headers = await openSession(a.harness);
  const body = JSON.stringify(call('hold', {}, 'q'));
  const response = open(a.harness, 'POST', { ...headers, 'content-type': 'application/json', accept: BOTH }, body);
  (await a.harness.handler.next()).progress(1);
  const id = (await new EventReader(await response).message())?.id ?? '';
  await until(async () => (await store.readLog(`{e:${id.slice(0, id.lastIndexOf('-'))}}`))?.last === 1);
  fleet.lose(a);
  const resumed = { ...headers, 'last-event-id': id };
  await leaveEarly(b, store, 'takeLog', resumed);
  await b.harness.closed('stream', 'client-gone');
  expect(b.harness.ledger.counts.stream).toBe(0);
  const rest = await (await openStream(b.harness, resumed)).rest();
  expect(rest.at(-1)?.data).toContain('fleet.node-lost');
});
