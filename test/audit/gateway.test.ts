import { describe, expect, it } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import type { GatewayEvent } from '../../packages/breakwater/src/index.ts';
import { auditKeys } from '../../packages/breakwater/src/telemetry/audit-chain.ts';
import type { Held } from '../../packages/breakwater/src/telemetry/audit-held.ts';
import { MomentReplay } from '../../packages/breakwater/src/telemetry/audit-moment.ts';
import { SessionTimeline } from '../../packages/breakwater/src/telemetry/audit-session.ts';
import { callModern, initializeParams, openSession, streamModern } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { post, stream, type WireStream } from '../requirements/support/wire.ts';
import { KEY, readText, recordsOf, runAuditCommand, scratch, verify } from './support.ts';

const KEYS = auditKeys(KEY);

/** A gateway with an audit log, whose upstream keeps a handle for each session. */
function startAudited(file: string): Promise<RunningGateway> {
  process.env['TEST_AUDIT_KEY'] = KEY;
  return startGateway({
    upstreams: { demo: { factory: createDemoFactory(), isolation: 'session' } },
    audit: { file, key: { env: 'TEST_AUDIT_KEY' }, principals: 'plain' },
  });
}

/** Waits until the present millisecond is over, so that what comes has another time than what was. */
async function passMillisecond(): Promise<number> {
  const now = Date.now();
  await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(now);
  return now;
}

/** What is open by the events that were reported, which is not how the audit log knows. */
function openNow(events: readonly GatewayEvent[]): string[] {
  const open = new Map<string, string>();
  for (const event of events) {
    if (event.type === 'open') open.set(`${event.resource} ${event.id}`, nameOf(event.resource, event.id));
    if (event.type === 'close') open.delete(`${event.resource} ${event.id}`);
  }
  return [...open.values()].sort();
}

function nameOf(resource: string, id: string): string {
  return `${resource} ${resource === 'session' ? KEYS.ref('session', id) : id}`;
}

const named = ({ kind, ref }: Held): string => `${kind} ${ref}`;
const kinds = (held: readonly Held[]): string[] => held.map(({ kind }) => kind).sort();

/** Opens a session of the 2024 transport; its stream is all it has. */
async function openSse(gateway: RunningGateway): Promise<WireStream> {
  const events = await stream('GET', `${gateway.base}/sse`, { accept: 'text/event-stream' });
  const address = new URL(String((await events.reader.nextBlock())?.data), gateway.base).href;
  await post(address, { jsonrpc: '2.0', id: 1, method: 'initialize', params: initializeParams('2024-11-05') });
  await events.reader.next();
  await post(address, { jsonrpc: '2.0', method: 'notifications/initialized' });
  return events;
}

describe('the audit log of a gateway', () => {
  it('reconstructs what belonged to which session, at every moment', async () => {
    await using place = await scratch();
    const gateway = await startAudited(place.file);
    const moments: { readonly time: number; readonly open: readonly string[] }[] = [];
    // A whole millisecond in which nothing was opened or closed, and what was open in it.
    const mark = async (): Promise<void> => {
      await passMillisecond();
      const open = openNow(gateway.events);
      const time = await passMillisecond();
      if (openNow(gateway.events).join() === open.join()) moments.push({ time, open });
      else await mark();
    };

    // Alice listens, watches a resource and calls; Bob only listens; Carol's client is of 2024; Dave's is modern.
    const alice = await openSession(gateway.url, { headers: { 'x-test-principal': 'alice' } });
    const aliceStream = await alice.listen();
    await alice.request('resources/subscribe', { uri: 'demo://counter' });
    await alice.request('tools/call', { name: 'echo', arguments: { text: 'a private word' } });
    const bob = await openSession(gateway.url, { headers: { 'x-test-principal': 'bob' } });
    const bobStream = await bob.listen();
    await bob.request('tools/call', { name: 'no such tool' });
    const carol = await openSse(gateway);
    const dave = await streamModern(gateway.url, 'subscriptions/listen', { notifications: { toolsListChanged: true } });
    await dave.reader.message();
    await expect.poll(() => openNow(gateway.events).filter((name) => name.startsWith('subscription'))).toHaveLength(4);
    await mark();

    // They end in different ways: DELETE, a broken connection, a client that stops listening, and the gateway's own end.
    await alice.end();
    await aliceStream.reader.rest();
    await expect.poll(() => openNow(gateway.events).includes(nameOf('session', alice.id))).toBe(false);
    await mark();
    carol.close();
    await expect.poll(() => openNow(gateway.events).filter((name) => name.startsWith('session'))).toHaveLength(1);
    dave.close();
    await expect.poll(() => openNow(gateway.events).filter((name) => name.startsWith('stream'))).toHaveLength(1);
    await mark();
    await callModern(gateway.url, 'tools/call', { name: 'echo', arguments: { text: 'x' } });
    await gateway.close();
    await bobStream.reader.rest();

    const records = await recordsOf(place.file);
    const replay = (time: number) => {
      const moment = new MomentReplay(time);
      for (const record of records) moment.take(record);
      return moment.finish();
    };
    const [first, ...later] = moments.map(({ time, open }) => {
      const moment = replay(time);
      const all = moment.sessions.flatMap(({ session, owned }) => [session, ...owned]);
      expect([...all, ...moment.others].map(named).sort()).toEqual(open);
      expect(moment).toMatchObject({ orphans: [], notes: [] });
      return moment;
    });
    const ownedBy = (id: string) =>
      first?.sessions.find(({ session }) => session.ref === KEYS.ref('session', id))?.owned;
    expect(kinds(ownedBy(alice.id) ?? [])).toEqual(['handle', 'stream', 'subscription']);
    expect(kinds(ownedBy(bob.id) ?? [])).toEqual(['handle', 'stream', 'subscription']);
    const ofCarol = first?.sessions.find(({ session }) => session.about.startsWith('sse 2024-11-05'));
    expect(kinds(ofCarol?.owned ?? [])).toEqual(['stream', 'subscription']);
    // The modern subscription ends with its stream; both are Dave's.
    const ofDave = first?.others.filter(({ kind }) => kind !== 'handle') ?? [];
    expect(kinds(ofDave)).toEqual(['stream', 'subscription']);
    expect(ofDave.find(({ kind }) => kind === 'subscription')?.stream).toBe(
      ofDave.find(({ kind }) => kind === 'stream')?.ref,
    );
    expect(ofDave.map(({ principal }) => principal)).toEqual(['tester', 'tester']);
    expect(later.map(({ sessions }) => sessions.length)).toEqual([2, 1]);

    // Before the beginning and after the end nothing was open.
    expect(replay(0)).toMatchObject({ sessions: [], others: [], notes: ['these records begin after this time'] });
    expect(replay(Date.now() + 1_000)).toMatchObject({
      sessions: [],
      others: [],
      orphans: [],
      notes: ['no gateway ran at this time'],
    });
  });

  it('tells the story of one session', async () => {
    await using place = await scratch();
    const gateway = await startAudited(place.file);
    const session = await openSession(gateway.url);
    const other = await openSession(gateway.url);
    const events = await session.listen();
    await session.request('tools/call', { name: 'add', arguments: { a: 1, b: 2 } });
    await session.request('tools/list');
    await other.request('tools/call', { name: 'echo', arguments: { text: 'other' } });
    await session.end();
    await events.reader.rest();
    const sse = await openSse(gateway);
    sse.close();
    await expect.poll(() => openNow(gateway.events).filter((name) => name.startsWith('session'))).toHaveLength(1);
    await gateway.close();

    const records = await recordsOf(place.file);
    const storyOf = (ref: string) => {
      const timeline = new SessionTimeline([ref]);
      for (const record of records) timeline.take(record);
      return timeline.finish();
    };
    const story = storyOf(KEYS.ref('session', session.id));
    expect(story).toMatchObject({
      exchanges: 2,
      outcomes: { ok: 2 },
      usedHandles: [],
      session: { principal: 'tester', about: expect.stringContaining('streamable 2025-11-25 requirements 1') },
    });
    expect(kinds(story?.owned ?? [])).toEqual(['handle', 'stream', 'subscription']);
    expect(story?.owned.every(({ opened, closed }) => opened !== undefined && closed !== undefined)).toBe(true);
    const calls = story?.steps.filter(({ event }) => event === 'exchange.end').map(({ about }) => about);
    expect(calls).toEqual(['tools/call add', 'tools/list']);
    const opens = story?.steps.filter(({ event }) => /open$/.test(event)).length;
    expect(story?.steps.filter(({ event }) => /close$/.test(event))).toHaveLength(opens ?? 0);

    // A session of the 2024 transport is told with the stream that was there before it.
    const ref = at(
      records.find(({ transport }) => transport === 'sse'),
      'session',
      'ref',
    );
    expect(storyOf(String(ref))?.steps[0]).toMatchObject({ event: 'stream.open', about: 'sse-2024' });
    expect(storyOf('nobody')).toBeUndefined();

    // By its plain id with the key, by its hash without.
    const plain = await runAuditCommand('session', session.id, place.file, '--key-env', 'KEY', '--json');
    expect(JSON.parse(plain.stdout)).toMatchObject({ ref: story?.ref, exchanges: 2, chain: 'whole' });
    const hashed = await runAuditCommand('session', story?.ref ?? '', place.file);
    expect(hashed).toMatchObject({ code: 0, stdout: expect.stringContaining('tools/call add') });
    const unknown = await runAuditCommand('session', session.id, place.file);
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('--key-env') });
    const time = story?.steps[2]?.t ?? '';
    const moment = await runAuditCommand('at', time, place.file, '--key-env', 'KEY');
    expect(moment).toMatchObject({ code: 0, stdout: expect.stringContaining(`session ${story?.ref}`) });
  });

  it('closes what it opened, names nobody’s secrets, and is whole', async () => {
    await using place = await scratch();
    const gateway = await startAudited(place.file);
    const session = await openSession(gateway.url);
    // The client never reads this stream, and never says goodbye.
    const events = await session.listen();
    await session.request('tools/call', { name: 'echo', arguments: { text: 'a private word' } });
    await post(gateway.url, { jsonrpc: '2.0', id: 1, method: 'tools/list' }, { 'mcp-session-id': 'a stolen session' });
    await gateway.breakwater.reload({
      upstreams: { demo: { factory: createDemoFactory() }, more: { factory: createDemoFactory() } },
      audit: { file: place.file, key: { env: 'TEST_AUDIT_KEY' } },
    });
    await gateway.close();
    events.close();

    const text = await readText(place.file);
    for (const secret of ['a private word', session.id, 'a stolen session', KEY]) expect(text).not.toContain(secret);
    const records = await recordsOf(place.file);
    const open = new Set<string>();
    for (const record of records) {
      const [resource = '', verb] = record.event.split('.');
      const name = `${resource} ${String(at(record, resource, 'ref'))}`;
      if (verb === 'open') open.add(name);
      if (verb === 'close') expect(open.delete(name)).toBe(true);
    }
    expect([...open]).toEqual([]);
    expect(records.filter(({ reason }) => reason === 'left-open')).toEqual([]);
    const names = records.map(({ event }) => event);
    expect(names.slice(0, 2)).toEqual(['log.genesis', 'gateway.start']);
    expect(names.at(-1)).toBe('gateway.stop');
    expect(records.find(({ event }) => event === 'config.change')).toMatchObject({ upstreams: { added: ['more'] } });
    expect(records.find(({ event }) => event === 'request.refused')).toMatchObject({ code: 'session.unknown' });
    expect(await verify([place.file])).toMatchObject({ ok: true, notes: [] });
  });

  it('is not opened with a short key, nor without one', async () => {
    await using place = await scratch();
    const upstreams = { demo: { factory: createDemoFactory() } };
    process.env['TEST_AUDIT_SHORT'] = 'too short';
    for (const env of ['TEST_AUDIT_SHORT', 'TEST_AUDIT_NONE']) {
      await expect(startGateway({ upstreams, audit: { file: place.file, key: { env } } })).rejects.toThrow(/audit.key/);
    }
    expect(await place.files()).toEqual([]);
  });
});
