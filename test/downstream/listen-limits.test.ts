import { describe, expect, test } from 'vitest';
import { BOTH, modernHeaders, modernParams, open, openSession, post, postModern, request } from './client.ts';
import { EventReader } from './event-reader.ts';
import { Harness } from './harness.ts';

function listen(harness: Harness, signal?: AbortSignal): Promise<Response> {
  const body = JSON.stringify(request('subscriptions/listen', modernParams({ notifications: {} }), 'L1'));
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
      listens: { perPrincipal: 1, total: 2 },
      principalOf: () => ({ key: 'anybody', personal: false }),
    };
    await using harness = await Harness.start({ options });
    const readers = [new EventReader(await listen(harness)), new EventReader(await listen(harness))];
    expect((await listen(harness)).status).toBe(429);
    for (const reader of readers) await reader.close();
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
