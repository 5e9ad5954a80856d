/** Calls of legacy clients on a modern server that wait for their client, and whose node is lost meanwhile. */
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { INITIALIZED, open, post, request, send } from '../downstream/client.ts';
import { EventReader } from '../downstream/event-reader.ts';
import { type DrivenAsker, FORM_REQUEST, startDriven } from '../questions/driven-asker.ts';
import { at } from '../requirements/support/json.ts';
import { ANSWER_MS, coreOver } from './core.ts';
import { TestFleet, type TestNode, until } from './nodes.ts';

const BOTH = 'application/json, text/event-stream';
const ACT = { name: 'act', arguments: { n: 1 }, _meta: { progressToken: 'mine' } };

interface Stage extends AsyncDisposable {
  readonly fleet: TestFleet;
  readonly asker: DrivenAsker;
  readonly a: TestNode;
  readonly b: TestNode;
  readonly c: TestNode;
  /** From now on operations of node `a` on the store fail. */
  cutStore(): void;
}

async function setStage(): Promise<Stage> {
  const asker = await startDriven('modern');
  const made = coreOver(asker.url);
  const fleet = new TestFleet((clock) => new MemoryStore(clock));
  let isCut = false;
  const cuttable = new Proxy(fleet.store, {
    get: (store: Store, name: keyof Store) => {
      const member = store[name];
      if (typeof member !== 'function') return member;
      const run = member.bind(store) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => (isCut ? Promise.reject(new GatewayError('store.unavailable')) : run(...args));
    },
  });
  const init = { core: made.core, limits: { inFlightPerSession: 2 } };
  return {
    fleet,
    asker,
    a: await fleet.join(init, cuttable),
    b: await fleet.join(init),
    c: await fleet.join(init),
    cutStore: () => {
      isCut = true;
    },
    [Symbol.asyncDispose]: async () => {
      await fleet[Symbol.asyncDispose]();
      await made[Symbol.asyncDispose]();
      await asker[Symbol.asyncDispose]();
    },
  };
}

type Headers = Record<string, string>;

async function openSession(node: TestNode, principal = 'ann'): Promise<Headers> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: { form: {}, url: {} }, roots: {} },
    clientInfo: { name: 'test', version: '1' },
  };
  const extra = { 'x-principal': principal };
  const answer = await post(node.harness, request('initialize', params), extra);
  const headers = {
    ...extra,
    'mcp-session-id': answer.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': '2025-11-25',
  };
  await post(node.harness, INITIALIZED, headers);
  return headers;
}

interface Asked {
  readonly headers: Headers;
  readonly reader: EventReader;
  /** The questions, in order. */
  readonly questions: readonly { readonly id: string }[];
  /** The id of the last event that the client has. */
  readonly eventId: string;
}

/** A client calls on a node, and the server requires what is given. */
async function ask(node: TestNode, asker: DrivenAsker, requests: object, state?: string): Promise<Asked> {
  const headers = await openSession(node);
  return await askIn(headers, node, asker, requests, state);
}

async function askIn(
  headers: Headers,
  node: TestNode,
  asker: DrivenAsker,
  requests: object,
  state?: string,
): Promise<Asked> {
  const init = { ...headers, 'content-type': 'application/json', accept: BOTH };
  const response = open(node.harness, 'POST', init, JSON.stringify(request('tools/call', ACT, 'q')));
  (await asker.nextCall()).require(requests, state);
  const reader = new EventReader(await response);
  const questions: { readonly id: string }[] = [];
  let eventId = '';
  while (questions.length < Object.keys(requests).length) {
    const event = await reader.message();
    eventId = event?.id ?? '';
    questions.push(JSON.parse(event?.data ?? '') as { id: string });
  }
  // What the client has was written down before; the copy of the stream follows.
  const stream = eventId.slice(0, eventId.lastIndexOf('-'));
  await until(async () => {
    const log = await fleetOf?.store.readLog(`{e:${stream}}`);
    return log === undefined || log.last === questions.length;
  });
  return { headers, reader, questions, eventId };
}

/** The fleet whose store the copies of streams reach. */
let fleetOf: TestFleet | undefined;
function answerOf(question: { readonly id: string } | undefined, name = 'Ann'): object {
  return { jsonrpc: '2.0', id: question?.id, result: { action: 'accept', content: { name } } };
}

async function resume(node: TestNode, headers: Headers, eventId: string): Promise<EventReader> {
  const response = await open(node.harness, 'GET', {
    ...headers,
    accept: 'text/event-stream',
    'last-event-id': eventId,
  });
  expect(response.status).toBe(200);
  return new EventReader(response);
}

async function nextMessage(reader: EventReader): Promise<unknown> {
  const event = await reader.message();
  return event?.data === undefined ? undefined : JSON.parse(event.data);
}

const HELLO = { id: 'q', result: { content: [{ type: 'text', text: 'Hello Ann' }] } };
const LOST = { id: 'q', error: { code: -32603, data: { reason: 'fleet.node-lost' } } };

describe('a call that waits for its client when its node is lost', () => {
  test('goes on where the answer arrives, and its client has the outcome from the stream it resumes', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b, c } = stage;
    fleetOf = fleet;
    const { headers, questions, eventId } = await ask(a, asker, { name: FORM_REQUEST }, 'state é');
    fleet.lose(a);
    expect((await post(b.harness, answerOf(questions[0]), headers)).status).toBe(202);
    const again = await asker.nextCall();
    expect(again.params).toMatchObject({
      name: 'act',
      arguments: { n: 1 },
      requestState: 'state é',
      inputResponses: { name: { action: 'accept', content: { name: 'Ann' } } },
    });
    again.progress(1);
    again.finish('Hello Ann', { resultType: 'complete' });
    // On a third node, which finds the one that has the call.
    const resumed = await resume(c, headers, eventId);
    expect(await nextMessage(resumed)).toMatchObject({ params: { progressToken: 'mine', progress: 1 } });
    expect(await nextMessage(resumed)).toMatchObject(HELLO);
    expect(await resumed.message()).toBeUndefined();
    expect(asker.calls()).toBe(2);
    expect(b.harness.events.filter(({ type }) => type === 'call-adopted')).toHaveLength(1);
    await until(() => b.harness.ledger.counts.stream === 0);
  });

  test('waits on the stream that its client resumes at once, wherever the answer arrives later', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b, c } = stage;
    fleetOf = fleet;
    const { headers, questions, eventId } = await ask(a, asker, { name: FORM_REQUEST }, 's');
    fleet.lose(a);
    const resumed = await resume(b, headers, eventId);
    expect((await post(c.harness, answerOf(questions[0]), headers)).status).toBe(202);
    (await asker.nextCall()).finish('Hello Ann', { resultType: 'complete' });
    expect(await nextMessage(resumed)).toMatchObject(HELLO);
    expect(asker.calls()).toBe(2);
  });

  test('asks again on the stream that was resumed, and goes to a third node when the second is lost, too', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b, c } = stage;
    fleetOf = fleet;
    const { headers, questions, eventId } = await ask(a, asker, { name: FORM_REQUEST }, 'one');
    fleet.lose(a);
    const resumed = await resume(b, headers, eventId);
    await post(b.harness, answerOf(questions[0]), headers);
    (await asker.nextCall()).require({ other: FORM_REQUEST }, 'two');
    const event = await resumed.message();
    const next = JSON.parse(event?.data ?? '') as { id: string };
    expect(next.id.startsWith(`${b.name}.`)).toBe(true);
    fleet.lose(b);
    expect((await post(c.harness, answerOf(next, 'Bea'), headers)).status).toBe(202);
    const last = await asker.nextCall();
    expect(last.params).toMatchObject({ requestState: 'two', inputResponses: { other: { content: { name: 'Bea' } } } });
    expect(at(last.params, 'inputResponses', 'name')).toBeUndefined();
    last.finish('Hello Ann', { resultType: 'complete' });
    expect(await nextMessage(await resume(c, headers, event?.id ?? ''))).toMatchObject(HELLO);
    expect(asker.calls()).toBe(3);
  });

  test('keeps the answers that were given before, and waits for the others', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b, c } = stage;
    fleetOf = fleet;
    const asked = await ask(a, asker, { x: FORM_REQUEST, y: FORM_REQUEST, z: FORM_REQUEST });
    const { headers, questions, eventId } = asked;
    await post(a.harness, answerOf(questions[0], 'X'), headers);
    fleet.lose(a);
    await post(b.harness, answerOf(questions[1], 'Y'), headers);
    // Still one to come: on yet another node, which finds who has the call by now.
    expect(asker.calls()).toBe(1);
    await post(c.harness, answerOf(questions[2], 'Z'), headers);
    const again = await asker.nextCall();
    expect(again.params).toMatchObject({
      inputResponses: { x: { content: { name: 'X' } }, y: { content: { name: 'Y' } }, z: { content: { name: 'Z' } } },
    });
    again.finish('Hello Ann', { resultType: 'complete' });
    expect(await nextMessage(await resume(b, headers, eventId))).toMatchObject(HELLO);
  });

  test('reaches a client that has events which its node did not write down any more', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b, c } = stage;
    fleetOf = fleet;
    const { headers, questions, eventId } = await ask(a, asker, { name: FORM_REQUEST });
    fleet.lose(a);
    await post(b.harness, answerOf(questions[0]), headers);
    (await asker.nextCall()).finish('Hello Ann', { resultType: 'complete' });
    const later = eventId.replace(/\d+$/, (seq) => String(Number(seq) + 7));
    expect(await nextMessage(await resume(c, headers, later))).toMatchObject(HELLO);
  });

  test('is tried again for a page that its user opened', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b } = stage;
    fleetOf = fleet;
    const page = { method: 'elicitation/create', params: { mode: 'url', message: 'm', url: 'https://a.example/' } };
    const { headers, questions, eventId } = await ask(a, asker, { page }, 's');
    await post(a.harness, { jsonrpc: '2.0', id: questions[0]?.id, result: { action: 'accept' } }, headers);
    await until(async () => (await fleet.store.read(recordKey(eventId)))?.has('s1') === true);
    fleet.lose(a);
    const resumed = await resume(b, headers, eventId);
    const again = await asker.nextCall();
    expect(again.params).toMatchObject({ requestState: 's', inputResponses: { page: { action: 'accept' } } });
    again.finish('Hello Ann', { resultType: 'complete' });
    expect(await nextMessage(resumed)).toMatchObject({ method: 'notifications/elicitation/complete' });
    expect(await nextMessage(resumed)).toMatchObject(HELLO);
  });

  test('ends when its client does not answer in time, which counts from the question', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b } = stage;
    fleetOf = fleet;
    const { headers, eventId } = await ask(a, asker, { name: FORM_REQUEST });
    fleet.clock.advance(ANSWER_MS - 5_000);
    fleet.lose(a);
    const resumed = await resume(b, headers, eventId);
    await until(async () => (await fleet.store.read(recordKey(eventId)))?.has('s2') === true);
    fleet.clock.advance(5_001);
    const withdrawn = await nextMessage(resumed);
    expect(withdrawn).toMatchObject({ method: 'notifications/cancelled' });
    expect(await nextMessage(resumed)).toMatchObject({ id: 'q', result: { isError: true } });
    await until(async () => (await fleet.store.read(recordKey(eventId))) === undefined);
  });

  test('is cancelled by its client on whatever node', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b, c } = stage;
    fleetOf = fleet;
    const { headers, questions, eventId } = await ask(a, asker, { name: FORM_REQUEST });
    fleet.lose(a);
    const resumed = await resume(b, headers, eventId);
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'q' } };
    expect((await post(c.harness, cancelled, headers)).status).toBe(202);
    expect(await nextMessage(resumed)).toMatchObject({ method: 'notifications/cancelled' });
    await resumed.rest();
    expect((await post(c.harness, answerOf(questions[0]), headers)).status).toBe(202);
    await until(async () => (await fleet.store.read(recordKey(eventId))) === undefined);
    expect(asker.calls()).toBe(1);
  });

  test('is not taken from a node that only cannot be reached', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b, c } = stage;
    fleetOf = fleet;
    const { headers, questions, eventId } = await ask(a, asker, { name: FORM_REQUEST });
    fleet.cutOff(a, true);
    const answering = post(b.harness, answerOf(questions[0]), headers);
    const resuming = resume(c, headers, eventId);
    for (let step = 0; step < 10; step++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      fleet.clock.advance(500);
    }
    expect([asker.calls(), b.harness.events.some(({ type }) => type === 'call-adopted')]).toEqual([1, false]);
    // It is not entered any more: now it is gone.
    fleet.cutOff(a);
    let isAnswered = false;
    const done = Promise.all([answering, resuming]).then((both) => {
      isAnswered = true;
      return both;
    });
    await until(() => {
      fleet.clock.advance(500);
      return isAnswered;
    });
    const [answered, resumed] = await done;
    expect(answered.status).toBe(202);
    (await asker.nextCall()).finish('Hello Ann', { resultType: 'complete' });
    expect(await nextMessage(resumed)).toMatchObject(HELLO);
    expect(asker.calls()).toBe(2);
  });
});

describe('what must not be', () => {
  test('attack on once: the same answer on two nodes at the same moment is sent to the server once', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b, c } = stage;
    fleetOf = fleet;
    for (let round = 0; round < 5; round++) {
      const { headers, questions, eventId } = await ask(a, asker, { name: FORM_REQUEST });
      fleet.cutOff(a);
      const before = asker.calls();
      const [one, two, resumed] = await Promise.all([
        post(b.harness, answerOf(questions[0], 'B'), headers),
        post(c.harness, answerOf(questions[0], 'C'), headers),
        resume(round % 2 === 0 ? b : c, headers, eventId),
      ]);
      expect([one.status, two.status]).toEqual([202, 202]);
      (await asker.nextCall()).finish('Hello Ann', { resultType: 'complete' });
      expect(await nextMessage(resumed)).toMatchObject(HELLO);
      await resumed.rest();
      await post(c.harness, answerOf(questions[0]), headers);
      expect(asker.calls()).toBe(before + 1);
    }
  });

  test('attack on the fence: a node that only slept and has the answer, too, tells the server nothing', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b } = stage;
    fleetOf = fleet;
    const { headers, questions, reader, eventId } = await ask(a, asker, { name: FORM_REQUEST });
    fleet.cutOff(a);
    const resumed = await resume(b, headers, eventId);
    expect((await post(a.harness, answerOf(questions[0]), headers)).status).toBe(202);
    // On the connection that it still has.
    expect(await nextMessage(reader)).toMatchObject(LOST);
    expect(asker.calls()).toBe(1);
    await post(b.harness, answerOf(questions[0]), headers);
    (await asker.nextCall()).finish('Hello Ann', { resultType: 'complete' });
    expect(await nextMessage(resumed)).toMatchObject(HELLO);
    expect(asker.calls()).toBe(2);
  });

  test('a call that was already told the answers is not repeated when its node is lost', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b } = stage;
    fleetOf = fleet;
    const { headers, questions, eventId } = await ask(a, asker, { name: FORM_REQUEST });
    await post(a.harness, answerOf(questions[0]), headers);
    await asker.nextCall();
    fleet.lose(a);
    // Attack: the client sends its answer once more.
    expect((await post(b.harness, answerOf(questions[0]), headers)).status).toBe(202);
    expect(await nextMessage(await resume(b, headers, eventId))).toMatchObject(LOST);
    expect(asker.calls()).toBe(2);
  });

  test('attack on whose it is: an answer of another session, or of another principal, moves nothing', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b } = stage;
    fleetOf = fleet;
    const { headers, questions, eventId } = await ask(a, asker, { name: FORM_REQUEST });
    fleet.lose(a);
    const sibling = await openSession(b);
    const mallory = await openSession(b, 'mallory');
    for (const other of [sibling, mallory]) {
      expect((await post(b.harness, answerOf(questions[0], 'Mallory'), other)).status).toBe(202);
      const fresh = await resume(b, other, eventId);
      expect((await fresh.next())?.data ?? '').toBe('');
      await fresh.close();
    }
    const stolen = { ...headers, 'x-principal': 'mallory' };
    expect((await post(b.harness, answerOf(questions[0], 'Mallory'), stolen)).status).toBe(404);
    expect((await post(b.harness, answerOf(questions[0], 'Mallory'))).status).toBe(202);
    expect([asker.calls(), b.harness.events.some(({ type }) => type === 'call-adopted')]).toEqual([1, false]);
    await post(b.harness, answerOf(questions[0]), headers);
    expect((await asker.nextCall()).params).toMatchObject({ inputResponses: { name: { content: { name: 'Ann' } } } });
  });

  test('attack on the record: one that was altered in the store is ignored', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b } = stage;
    fleetOf = fleet;
    const { headers, questions, eventId } = await ask(a, asker, { name: FORM_REQUEST });
    const key = recordKey(eventId);
    const sealed = Buffer.from((await fleet.store.read(key))?.get('s1') ?? '');
    sealed.writeUInt8(sealed.readUInt8(40) ^ 1, 40);
    await fleet.store.write(key, { s1: sealed }, 60_000);
    fleet.lose(a);
    expect((await post(b.harness, answerOf(questions[0]), headers)).status).toBe(202);
    expect(await nextMessage(await resume(b, headers, eventId))).toMatchObject(LOST);
    expect(asker.calls()).toBe(1);
  });

  test('attack on memory: a session takes over no more calls than it may have', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b, c } = stage;
    fleetOf = fleet;
    const headers = await openSession(a);
    const asked = [
      await askIn(headers, a, asker, { name: FORM_REQUEST }),
      await askIn(headers, c, asker, { name: FORM_REQUEST }),
    ];
    fleet.lose(a);
    fleet.lose(c);
    const more = await askIn(headers, b, asker, { name: FORM_REQUEST });
    const statuses = [];
    for (const { questions } of asked) {
      statuses.push((await post(b.harness, answerOf(questions[0]), headers)).status);
      if (statuses.length === 1) await asker.nextCall();
    }
    expect(statuses).toEqual([202, 429]);
    expect((await post(b.harness, answerOf({ id: `${a.name}.${a.name}.none~1.1` }), headers)).status).toBe(202);
    await more.reader.close();
  });

  test('goes with its session', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b } = stage;
    fleetOf = fleet;
    const { headers, questions } = await ask(a, asker, { name: FORM_REQUEST });
    fleet.lose(a);
    expect((await send(b.harness, 'DELETE', headers)).status).toBe(200);
    expect((await post(b.harness, answerOf(questions[0]), headers)).status).toBe(404);
    expect(asker.calls()).toBe(1);
  });
});

describe('a store that is away', () => {
  test('does not keep a client from being asked; its call then ends with its node', async () => {
    await using stage = await setStage();
    const { fleet, asker, a, b } = stage;
    fleetOf = undefined;
    const headers = await openSession(a);
    stage.cutStore();
    const { questions, reader } = await askIn(headers, a, asker, { name: FORM_REQUEST });
    expect((await post(a.harness, answerOf(questions[0]), headers)).status).toBe(202);
    (await asker.nextCall()).require({ other: FORM_REQUEST });
    const next = (await nextMessage(reader)) as { id: string };
    fleet.lose(a);
    expect((await post(b.harness, answerOf(next), headers)).status).toBe(202);
    expect(asker.calls()).toBe(2);
  });

  test('that goes away while the client thinks does not keep its answer from the server', async () => {
    await using stage = await setStage();
    const { fleet, asker, a } = stage;
    fleetOf = fleet;
    const { headers, questions, reader } = await ask(a, asker, { name: FORM_REQUEST });
    stage.cutStore();
    expect((await post(a.harness, answerOf(questions[0]), headers)).status).toBe(202);
    (await asker.nextCall()).finish('Hello Ann', { resultType: 'complete' });
    expect(await nextMessage(reader)).toMatchObject(HELLO);
  });
});

function recordKey(eventId: string): string {
  return `{f:${eventId.slice(0, eventId.lastIndexOf('-'))}}`;
}
