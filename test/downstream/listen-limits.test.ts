import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { BOTH, modernHeaders, modernParams, open, openSession, post, postModern, request } from './client.ts';
import { EventReader } from './event-reader.ts';
import { Harness } from './harness.ts';

function listen(harness: Harness, signal?: AbortSignal, notifications: object = {}): Promise<Response> {
  const body = JSON.stringify(request('subscriptions/listen', modernParams({ notifications }), 'L1'));
  const headers = { 'content-type': 'application/json', accept: BOTH, ...modernHeaders('subscriptions/listen') };
  return open(harness, 'POST', headers, body, '/mcp', signal);
}

describe('a listen whose upstream is slow', () => {
  test('has a head and a sign of life before the acknowledgement', async () => {
    await using harness = await Harness.start();
    const gate = Promise.withResolvers<void>();
    harness.subscriptions.gate = gate.promise;
    const opening = listen(harness);
    const feed = await harness.subscriptions.nth(0);
    feed.report({ kind: 'tools' });
    harness.clock.advance(2_000);
    const reader = new EventReader(await opening);
    expect(await reader.next()).toEqual({ comment: 'keep-alive' });
    gate.resolve();
    expect((await reader.next())?.data).toContain('notifications/subscriptions/acknowledged');
    expect((await reader.next())?.data).toContain('notifications/tools/list_changed');
    await reader.close();
  });

  // Attack: one server reports file after file in what is watched, while another one never says what it honours.
  test('keeps so many changes until then, and beyond that what is watched', async () => {
    await using harness = await Harness.start();
    const gate = Promise.withResolvers<void>();
    harness.subscriptions.gate = gate.promise;
    const opening = listen(harness, undefined, { resourceSubscriptions: ['file:///dir'] });
    const feed = await harness.subscriptions.nth(0);
    for (let file = 0; file < 3_000; file++) feed.report({ kind: 'updated', uri: `file:///dir/${file}` });
    feed.report({ kind: 'prompts' });
    gate.resolve();
    const reader = new EventReader(await opening);
    const told: string[] = [];
    while (!told.some((data) => data.includes('prompts/list_changed'))) told.push((await reader.next())?.data ?? '');
    expect(told).toHaveLength(1_003);
    expect(told[1_001]).toContain('"uri":"file:///dir"');
    await reader.close();
  });

  // Attack: clients that ask and leave before the upstream has answered; what was opened for them would stay for ever.
  test('is given up when its client leaves', async () => {
    await using harness = await Harness.start();
    const gate = Promise.withResolvers<void>();
    harness.subscriptions.gate = gate.promise;
    const client = new AbortController();
    const opening = listen(harness, client.signal);
    const feed = await harness.subscriptions.nth(0);
    harness.clock.advance(2_000);
    await opening;
    client.abort();
    await harness.closed('stream', 'client-gone');
    gate.resolve();
    await expect.poll(() => feed.closed).toBe('client-gone');
  });
});

// Attack: one caller opens listens or 2024 streams in a loop and says nothing on them; each holds memory and a socket.
describe('streams that are held open', () => {
  test('are bounded per person: listens', async () => {
    await using harness = await Harness.start({ options: { listens: { perPrincipal: 1, total: 10 } } });
    const first = new EventReader(await listen(harness));
    await first.next();
    const refused = await postModern(harness, 'subscriptions/listen', { notifications: {} });
    expect([refused.status, refused.json['error']?.['data']?.['reason']]).toEqual([429, 'request.rate']);
    await first.close();
    await harness.closed('stream', 'client-gone');
    await new EventReader(await listen(harness)).close();
  });

  test('are bounded on the node where strangers share a principal', async () => {
    const options = {
      listens: { perPrincipal: 10, total: 2 },
      principalOf: () => ({ key: 'anybody', personal: false }),
    };
    await using harness = await Harness.start({ options });
    const readers = [new EventReader(await listen(harness)), new EventReader(await listen(harness))];
    expect((await listen(harness)).status).toBe(429);
    for (const reader of readers) await reader.close();
  });

  // Attack: one stranger opens as many as there are for all.
  test('are bounded per address where strangers share a principal', async () => {
    const options = {
      listens: { perPrincipal: 1, total: 10 },
      principalOf: () => ({ key: 'anybody', personal: false }),
      callerOf: (req: IncomingMessage) => ({
        address: String(req.headers['x-address']),
        protocol: 'http' as const,
        host: undefined,
        httpsPort: undefined,
      }),
    };
    await using harness = await Harness.start({ options });
    const from = async (address: string) => {
      const headers = { 'content-type': 'application/json', accept: BOTH, ...modernHeaders('subscriptions/listen') };
      const body = JSON.stringify(request('subscriptions/listen', modernParams({ notifications: {} }), 'L1'));
      return await open(harness, 'POST', { ...headers, 'x-address': address }, body);
    };
    const opened = [await from('198.51.100.1'), await from('198.51.100.2'), await from('2001:db8:0:1::1')];
    // The same customer under another of 2^64 addresses.
    const refused = [await from('198.51.100.1'), await from('2001:db8:0:1:ffff::2')];
    expect([...opened, ...refused].map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    opened.push(await from('2001:db8:0:2::1'));
    expect(opened.at(-1)?.status).toBe(200);
    for (const response of opened) await new EventReader(response).close();
  });

  test('are bounded per person: 2024 streams over which nobody was initialized', async () => {
    await using harness = await Harness.start({ options: { pendingChannels: { perPrincipal: 1, total: 10 } } });
    const headers = { accept: 'text/event-stream' };
    const first = new EventReader(await open(harness, 'GET', headers, undefined, '/sse'));
    await first.next();
    expect((await open(harness, 'GET', headers, undefined, '/sse')).status).toBe(429);
    await first.close();
  });
});

// Attack: a session asks for thousands of resources at once of a server that does not answer.
test('resources/subscribe counts as a request of its session', async () => {
  await using harness = await Harness.start({ limits: { inFlightPerSession: 1 } });
  const headers = await openSession(harness);
  const gate = Promise.withResolvers<void>();
  harness.subscriptions.gate = gate.promise;
  const first = post(harness, request('resources/subscribe', { uri: 'a:1' }, 1), headers);
  await harness.subscriptions.nth(0);
  const second = await post(harness, request('resources/subscribe', { uri: 'a:2' }, 2), headers);
  expect([second.status, second.json['error']?.['data']?.['reason']]).toEqual([429, 'request.rate']);
  gate.resolve();
  expect((await first).json['result']).toEqual({});
});
