import { describe, expect, test } from 'vitest';
import { scanObject } from '../../packages/breakwater/src/jsonrpc/raw.ts';
import { BOTH, call, initializeMessage, open, openSession, post, request, send } from './client.ts';
import { EventReader } from './event-reader.ts';
import { Harness } from './harness.ts';
import { ManualClock } from './manual-clock.ts';

// eras.md §4.4, row by row.

/** A clock that somebody sets; timers do not mind. */
class SetClock extends ManualClock {
  aheadMs = 0;

  override now(): number {
    return super.now() + this.aheadMs;
  }
}

async function openStream(
  harness: Harness,
  headers: Readonly<Record<string, string>>,
  lastEventId?: string,
): Promise<EventReader> {
  const resume = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const response = await open(harness, 'GET', { accept: 'text/event-stream', ...headers, ...resume });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  return new EventReader(response);
}

/** Starts a call that streams, and reads up to its first notification. */
async function startCall(harness: Harness, headers: Readonly<Record<string, string>>) {
  const gone = new AbortController();
  const body = JSON.stringify(call('hold', {}, 'the call'));
  const posted = { 'content-type': 'application/json', accept: BOTH, ...headers };
  const response = open(harness, 'POST', posted, body, '/mcp', gone.signal);
  const held = await harness.handler.next();
  held.progress(1);
  const reader = new EventReader(await response);
  const first = await reader.message();
  return { held, reader, first, leave: () => gone.abort() };
}

describe('what a call sends in one turn', () => {
  test('and ends in it is one body with a length, in which nothing is missing', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-11-25');
    const answer = await post(harness, call('stream'), headers);
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(answer.text)));
    const events = answer.text.split('\n\n').filter(Boolean);
    expect(events.map((event) => event.replace(/^id: .*-/, ''))).toEqual([
      '0\ndata: ',
      expect.stringMatching(/^1\ndata: .*"progress":1/),
      expect.stringMatching(/^2\ndata: .*"progress":2/),
      expect.stringMatching(/^3\ndata: .*"result"/),
    ]);
    // Nothing was open that could end, fall silent or fall behind.
    expect(harness.streamEnds).toEqual([]);
    expect(harness.ledger.counts.stream).toBe(0);
    // The next answer is on the same connection.
    expect((await post(harness, call('echo'), headers)).status).toBe(200);
  });

  test('without an end to it leaves with the turn, and the rest follows', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-11-25');
    const { held, reader, first } = await startCall(harness, headers);
    expect(first?.data).toContain('"progress":1');
    expect(harness.ledger.counts.stream).toBe(1);
    held.progress(2);
    held.finish('{"ok":1}');
    expect((await reader.rest()).map(({ data }) => data)).toEqual([
      expect.stringContaining('"progress":2'),
      expect.stringContaining('{"ok":1}'),
    ]);
    await harness.closed('stream', 'ended');
  });

  // Attack: a server that sends without end in one turn; what is held for the body must be no more than any client may have unread.
  test('is held up to a bound only', async () => {
    await using harness = await Harness.start({ options: { streamBytes: 100_000 } });
    const headers = await openSession(harness, '2025-06-18');
    const answer = open(
      harness,
      'POST',
      { 'content-type': 'application/json', accept: BOTH, ...headers },
      JSON.stringify(call('hold')),
    );
    const held = await harness.handler.next();
    for (let step = 1; step <= 40; step++) held.progress(step, 'x'.repeat(10_000));
    await harness.closed('stream', 'stream-bytes');
    // The head was not even sent.
    await expect(answer).rejects.toThrow();
  });

  test('to a client that takes streams only is one body, too', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    const answer = await post(harness, call('echo'), { ...headers, accept: 'text/event-stream' });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(answer.text)));
    expect(harness.streamEnds).toEqual([]);
  });

  test('can be resumed from any of its events all the same', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-11-25');
    const { text } = await post(harness, call('stream'), headers);
    const id = /^id: (.*-1)$/m.exec(text)?.[1];
    const reader = await openStream(harness, headers, id);
    const rest = await reader.rest();
    expect(rest.map(({ data }) => data)).toEqual([
      expect.stringContaining('"progress":2'),
      expect.stringContaining('"result"'),
    ]);
  });

  test('keeps every byte and its order, whatever the size of each event', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    const answer = post(harness, call('hold'), headers);
    const held = await harness.handler.next();
    const paddings = [0, 4_000, 4_100, 16_300, 16_400, 70_000, 10, 20_000, 5].map((size) =>
      'é€😀\u2028'.repeat(size / 3),
    );
    paddings.forEach((padding, index) => {
      held.progress(index + 1, padding);
    });
    held.finish(JSON.stringify({ text: paddings[2] }));
    const { text } = await answer;
    const data = text.split('\n').flatMap((line) => (line.startsWith('data: {') ? [JSON.parse(line.slice(6))] : []));
    expect(data.slice(0, -1).map(({ params }) => [params.progress, params.message])).toEqual(
      paddings.map((padding, index) => [index + 1, padding]),
    );
    expect(data.at(-1).result.text).toBe(paddings[2]);
  });

  test('to a client that is gone in the same turn is logged for it', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    const { held, first, reader, leave } = await startCall(harness, headers);
    leave();
    held.progress(2);
    held.finish('{"late":1}');
    await reader.close().catch(() => undefined);
    const rest = await (await openStream(harness, headers, first?.id)).rest();
    expect(rest.map(({ data }) => data)).toEqual([
      expect.stringContaining('"progress":2'),
      expect.stringContaining('{"late":1}'),
    ]);
  });
});

describe('the GET stream of a session', () => {
  test('primes a 2025-11-25 client with an id and no data', async () => {
    await using harness = await Harness.start();
    const reader = await openStream(harness, await openSession(harness, '2025-11-25'));
    const first = await reader.next();
    expect(first).toMatchObject({ data: '' });
    expect(first?.id).toMatch(/-0$/);
    await reader.close();
  });

  test.each(['2025-03-26', '2025-06-18'])('sends a %s client no event without data', async (revision) => {
    await using harness = await Harness.start();
    const reader = await openStream(harness, await openSession(harness, revision));
    expect(await reader.next()).toEqual({ comment: 'keep-alive' });
    await reader.close();
  });

  // Attack: somebody sets the clock back by an hour; proxies end each stream that is silent for a minute.
  test('is not silent for as long as the clock was set back', async () => {
    const clock = new SetClock();
    await using harness = await Harness.start({ clock });
    const reader = await openStream(harness, await openSession(harness, '2025-06-18'));
    expect(await reader.next()).toEqual({ comment: 'keep-alive' });
    clock.aheadMs = -3_600_000;
    clock.advance(16_000);
    expect(await reader.next()).toEqual({ comment: 'keep-alive' });
    await reader.close();
  });

  test('is there before notifications/initialized', async () => {
    await using harness = await Harness.start({ routes: [{ handshake: 'strict' }] });
    const opened = await post(harness, initializeMessage());
    const reader = await openStream(harness, { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' });
    await reader.close();
  });

  test('carries changes, and keeps those that came while nobody listened', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    const reader = await openStream(harness, headers);
    const feed = await harness.subscriptions.nth(0);
    expect(feed.filter).toEqual({ tools: true, prompts: true, resources: true, uris: [] });
    feed.report({ kind: 'tools' });
    expect((await reader.message())?.data).toBe('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}');
    await reader.close();
    await harness.closed('stream', 'client-gone');
    feed.report({ kind: 'prompts' });
    feed.report({ kind: 'prompts' });
    feed.report({ kind: 'updated', uri: 'file:///a' });
    const again = await openStream(harness, headers);
    expect((await again.message())?.data).toContain('prompts/list_changed');
    expect((await again.message())?.data).toBe(
      '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///a"}}',
    );
    feed.report({ kind: 'resources' });
    expect((await again.message())?.data).toContain('resources/list_changed');
    expect(harness.subscriptions.opened).toHaveLength(1);
    await again.close();
  });

  // Attack: a server that describes each of a thousand changes at length, to a client that listens to none.
  test('keeps what changed, and of what was said beside it only what is short', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    const reader = await openStream(harness, headers);
    const feed = await harness.subscriptions.nth(0);
    const report = (uri: string, note: string): void => {
      const params = scanObject(Buffer.from(JSON.stringify({ uri, _meta: { note } })));
      feed.report({ kind: 'updated', uri, ...(params && { params }) });
    };
    report('file:///now', 'x'.repeat(5_000));
    expect((await reader.message())?.data).toContain('xxx');
    await reader.close();
    await harness.closed('stream', 'client-gone');
    report('file:///short', 'a word');
    report('file:///long', 'x'.repeat(5_000));
    const again = await openStream(harness, headers);
    expect((await again.message())?.data).toContain('a word');
    expect((await again.message())?.data).toBe(
      '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///long"}}',
    );
    await again.close();
  });

  // Attack: a client that watches a directory and listens to nothing, and a server that reports file after file in it, some under names without end.
  test('keeps so many changes of resources, and beyond that what is watched', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    await post(harness, request('resources/subscribe', { uri: 'file:///dir' }), headers);
    const feed = await harness.subscriptions.nth(0);
    feed.report({ kind: 'updated', uri: `file:///dir/${'x'.repeat(5_000)}` });
    for (let file = 0; file < 3_000; file++) feed.report({ kind: 'updated', uri: `file:///dir/${file}` });
    feed.report({ kind: 'tools' });
    const reader = await openStream(harness, headers);
    const told: string[] = [];
    while (!told.some((data) => data.includes('tools/list_changed'))) told.push((await reader.message())?.data ?? '');
    expect(told).toHaveLength(1_001);
    expect(told[0]).toContain('"uri":"file:///dir"');
    expect(told[999]).toContain('"uri":"file:///dir/998"');
    await reader.close();
  });

  test('resources/subscribe adds a URI, refuses one that no upstream takes, and removes it', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    expect((await post(harness, request('resources/subscribe', { uri: 'file:///a' }), headers)).json['result']).toEqual(
      {},
    );
    const refused = await post(harness, request('resources/subscribe', { uri: 'refused:a' }), headers);
    expect([refused.status, refused.json['error']?.['code']]).toEqual([200, -32602]);
    const feed = await harness.subscriptions.nth(0);
    expect([...feed.uris]).toEqual(['file:///a']);
    await post(harness, request('resources/unsubscribe', { uri: 'file:///a' }), headers);
    expect([...feed.uris]).toEqual([]);
    await send(harness, 'DELETE', headers);
    expect(feed.closed).toBe('session-ended');
  });

  test('the newest connection wins', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    const old = await openStream(harness, headers);
    const current = await openStream(harness, headers);
    await old.rest();
    expect(harness.streamEnds).toEqual(['replaced']);
    (await harness.subscriptions.nth(0)).report({ kind: 'tools' });
    expect((await current.message())?.data).toContain('tools/list_changed');
    await current.close();
  });

  test('two clients that replace each other get 409 after five swaps in 10 s', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    for (let swap = 0; swap <= 5; swap++) await openStream(harness, headers);
    const refused = await send(harness, 'GET', { accept: 'text/event-stream', ...headers });
    expect([refused.status, refused.json['error']?.['data']?.['reason']]).toEqual([409, 'stream.conflict']);
    harness.clock.advance(10_001);
    await (await openStream(harness, headers)).close();
  });

  test('carries a comment when it was silent for 15 s, and none when it was not', async () => {
    await using harness = await Harness.start();
    const reader = await openStream(harness, await openSession(harness));
    await reader.next();
    const feed = await harness.subscriptions.nth(0);
    harness.clock.advance(10_000);
    feed.report({ kind: 'tools' });
    harness.clock.advance(5_000);
    feed.report({ kind: 'prompts' });
    harness.clock.advance(15_000);
    expect((await reader.next())?.data).toContain('tools/list_changed');
    expect((await reader.next())?.data).toContain('prompts/list_changed');
    expect(await reader.next()).toEqual({ comment: 'keep-alive' });
    await reader.close();
  });

  test('does not keep its session alive; it ends with it', async () => {
    await using harness = await Harness.start();
    const reader = await openStream(harness, await openSession(harness));
    harness.clock.advance(1_800_000 + 30_000);
    await harness.closed('session', 'idle');
    await reader.rest();
    expect(harness.streamEnds).toEqual(['session-ended']);
  });

  test('is refused with 405 where there is no session but a version header', async () => {
    await using harness = await Harness.start();
    const headers = { accept: 'text/event-stream', 'mcp-protocol-version': '2025-06-18' };
    const answer = await send(harness, 'GET', headers);
    expect([answer.status, answer.json['error']]).toEqual([405, 'not_implemented']);
    expect(answer.headers.get('allow')).toContain('POST');
  });

  test('a feed that cannot be opened leaves the stream open', async () => {
    await using harness = await Harness.start();
    harness.subscriptions.failure = new Error('no upstream');
    const headers = await openSession(harness);
    const reader = await openStream(harness, headers);
    expect(await reader.next()).toMatchObject({ data: '' });
    await harness.event((event) => event.type === 'notice' && event.message === 'No change feed for a session.');
    harness.subscriptions.failure = undefined;
    await openStream(harness, headers);
    await harness.subscriptions.nth(0);
    await reader.close();
  });
});

describe('Last-Event-ID', () => {
  test('replays the rest of a GET stream', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    const reader = await openStream(harness, headers);
    const primed = await reader.next();
    const feed = await harness.subscriptions.nth(0);
    feed.report({ kind: 'tools' });
    feed.report({ kind: 'prompts' });
    const tools = await reader.message();
    await reader.message();
    await reader.close();
    await harness.closed('stream', 'client-gone');
    const resumed = await openStream(harness, headers, tools?.id);
    expect((await resumed.next())?.data).toContain('prompts');
    await resumed.close();
    const fromStart = await openStream(harness, headers, primed?.id);
    expect([(await fromStart.next())?.data, (await fromStart.next())?.data].join()).toMatch(/tools.*prompts/);
    await fromStart.close();
  });

  test('a GET stream with a gap is told that everything may have changed', async () => {
    await using harness = await Harness.start({ limits: { eventLogEvents: 1 } });
    const headers = await openSession(harness);
    const reader = await openStream(harness, headers);
    const primed = await reader.next();
    const feed = await harness.subscriptions.nth(0);
    feed.report({ kind: 'tools' });
    feed.report({ kind: 'prompts' });
    await reader.close();
    await harness.closed('stream', 'client-gone');
    const resumed = await openStream(harness, headers, primed?.id);
    const seen = [await resumed.message(), await resumed.message(), await resumed.message(), await resumed.message()];
    for (const kind of ['tools', 'prompts', 'resources']) {
      expect(seen.some((event) => event?.data?.includes(`${kind}/list_changed`))).toBe(true);
    }
    await resumed.close();
  });

  test('a disconnect is no cancellation, and the result waits for the client', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    const { held, first, leave } = await startCall(harness, headers);
    leave();
    await harness.closed('stream', 'client-gone');
    expect(held.cancelled).toBeUndefined();
    held.progress(2);
    held.finish('{"late":true}');
    const resumed = await openStream(harness, headers, first?.id);
    const events = await resumed.rest();
    expect(events.map((event) => event.data)).toEqual([
      expect.stringContaining('"progress":2'),
      '{"jsonrpc":"2.0","id":"the call","result":{"late":true}}',
    ]);
    harness.clock.advance(300_000);
    const forgotten = await openStream(harness, headers, first?.id);
    expect(await forgotten.next()).toMatchObject({ data: '' });
    await forgotten.close();
  });

  test('takes a running call over from a connection that is still open', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    const { held, reader, first } = await startCall(harness, headers);
    held.progress(2);
    const resumed = await openStream(harness, headers, first?.id);
    held.finish('{"here":1}');
    expect((await resumed.rest()).map((event) => event.data)).toEqual([
      expect.stringContaining('"progress":2'),
      expect.stringContaining('{"here":1}'),
    ]);
    expect((await reader.rest()).some((event) => event.data?.includes('"result"'))).toBe(false);
    expect(harness.streamEnds).toContain('replaced');
  });

  test('of a call whose response is gone ends with -32603 for its id', async () => {
    await using harness = await Harness.start({ limits: { eventLogBytes: 200 } });
    const headers = await openSession(harness);
    const { held, first, leave } = await startCall(harness, headers);
    leave();
    await harness.closed('stream', 'client-gone');
    held.finish(`{"text":"${'x'.repeat(500)}"}`);
    const resumed = await openStream(harness, headers, first?.id);
    const [event] = await resumed.rest();
    expect(event?.data).toContain('"id":"the call","error":{"code":-32603');
    expect(event?.data).toContain('This stream can no longer be resumed.');
  });

  test('of a call that lost notifications but not its response still brings the response', async () => {
    await using harness = await Harness.start({ limits: { eventLogEvents: 1 } });
    const headers = await openSession(harness);
    const { held, first, leave } = await startCall(harness, headers);
    leave();
    await harness.closed('stream', 'client-gone');
    held.progress(2);
    held.finish('{"kept":1}');
    const resumed = await openStream(harness, headers, first?.id);
    expect((await resumed.rest()).map((event) => event.data)).toEqual([expect.stringContaining('{"kept":1}')]);
  });

  test.each(['nonsense', 'no-1', '-', 'x-99999999999999999999', '%00'])('%s opens a fresh stream', async (id) => {
    await using harness = await Harness.start();
    const reader = await openStream(harness, await openSession(harness), id);
    expect(await reader.next()).toMatchObject({ data: '' });
    await reader.close();
  });

  test('on a POST is ignored', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    expect((await post(harness, call('echo'), { ...headers, 'last-event-id': 'x-1' })).status).toBe(200);
  });
});

describe('drain', () => {
  test('ends GET streams, to a 2025-11-25 client with retry, and lets calls finish', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness);
    const stream = await openStream(harness, headers);
    await stream.next();
    const running = post(harness, call('hold'), headers);
    const held = await harness.handler.next();
    let drained = false;
    const closing = harness.downstream.close().then(() => {
      drained = true;
    });
    expect((await stream.rest()).at(-1)).toMatchObject({ retry: '1000', data: '' });
    const refused = await post(harness, request('ping'), headers);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await send(harness, 'GET', {}, undefined, '/readyz')).status).toBe(503);
    expect((await send(harness, 'GET', {}, undefined, '/livez')).status).toBe(200);
    expect(drained).toBe(false);
    held.finish('{"done":1}');
    expect((await running).json['result']).toEqual({ done: 1 });
    await closing;
  });

  test('sends an older client no event without data', async () => {
    await using harness = await Harness.start();
    const stream = await openStream(harness, await openSession(harness, '2025-06-18'));
    await harness.downstream.close();
    expect((await stream.rest()).every((event) => event.data === undefined)).toBe(true);
  });
});

test('a session outlives a configuration reload, and its subscription moves with it', async () => {
  await using harness = await Harness.start();
  const headers = await openSession(harness);
  const before = await openStream(harness, headers);
  const primed = await before.next();
  await post(harness, request('resources/subscribe', { uri: 'file:///a' }), headers);
  const running = post(harness, call('hold'), headers);
  const held = await harness.handler.next();
  const reloaded = harness.reload();
  await before.rest();
  expect((await post(harness, call('echo', {}, 2), headers)).status).toBe(200);
  const after = await openStream(harness, headers, primed?.id);
  const feed = await harness.subscriptions.nth(1);
  expect(feed.filter.uris).toEqual(['file:///a']);
  feed.report({ kind: 'updated', uri: 'file:///a' });
  // The new configuration may have other lists, so the client is told to read them again.
  for (const kind of ['tools', 'prompts', 'resources']) {
    expect((await after.message())?.data).toContain(`notifications/${kind}/list_changed`);
  }
  expect((await after.message())?.data).toContain('resources/updated');
  expect(harness.subscriptions.opened[0]?.closed).toBe('reload');
  held.finish('{"old":1}');
  expect((await running).json['result']).toEqual({ old: 1 });
  await reloaded;
  await after.close();
});

test('after everything ended the ledger is empty', async () => {
  const harness = await Harness.start();
  const headers = await openSession(harness);
  await openStream(harness, headers);
  const { held } = await startCall(harness, headers);
  held.progress(2);
  await harness[Symbol.asyncDispose]();
  await harness.until(() => Object.values(harness.ledger.counts).every((count) => count === 0));
  expect(harness.clock.pending).toBe(0);
});
