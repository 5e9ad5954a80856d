import { describe, expect, test } from 'vitest';
import {
  call,
  dial,
  hasBody,
  INITIALIZED,
  initializeMessage,
  open,
  openSession,
  post,
  readUntil,
  request,
  send,
} from './client.ts';
import { EventReader } from './event-reader.ts';
import { Harness } from './harness.ts';

interface Channel {
  readonly reader: EventReader;
  readonly endpoint: string;
  readonly post: (message: unknown, headers?: Record<string, string>) => ReturnType<typeof post>;
}

async function openChannel(
  harness: Harness,
  path: string,
  headers: Record<string, string> = { accept: 'text/event-stream' },
): Promise<Channel> {
  const response = await open(harness, 'GET', headers, undefined, path);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  const reader = new EventReader(response);
  const first = await reader.next();
  expect(first?.event).toBe('endpoint');
  const endpoint = first?.data ?? '';
  return { reader, endpoint, post: (message, extra = {}) => post(harness, message, extra, endpoint) };
}

async function initialize(channel: Channel, revision = '2024-11-05'): Promise<void> {
  await channel.post(initializeMessage(revision));
  expect((await channel.reader.message())?.data).toContain('"protocolVersion"');
  await channel.post(INITIALIZED);
}

test.each(['/sse', '/mcp/sse', '/mcp'])('a session over GET %s', async (path) => {
  await using harness = await Harness.start();
  const channel = await openChannel(harness, path);
  expect(channel.endpoint).toMatch(/^\/messages\/\?session_id=[!-~]+$/);
  const accepted = await channel.post(initializeMessage('2024-11-05', 'init'));
  expect([accepted.status, accepted.text]).toEqual([202, 'Accepted']);
  const opened = await channel.reader.next();
  expect(opened?.event).toBe('message');
  expect(JSON.parse(opened?.data ?? '')).toMatchObject({ id: 'init', result: { protocolVersion: '2024-11-05' } });
  await channel.post(INITIALIZED);
  await channel.post(call('stream', {}, 7));
  expect((await channel.reader.message())?.data).toContain('"progressToken":"mine","progress":1');
  expect((await channel.reader.message())?.data).toContain('"progress":2');
  expect((await channel.reader.message())?.data).toBe('{"jsonrpc":"2.0","id":7,"result":{"content":[]}}');
  await channel.reader.close();
  await harness.closed('session', 'stream-closed');
  expect(harness.sessions.size).toBe(0);
});

test('the stream path streams also for a client that names no type, and tells one that wants JSON how to go on', async () => {
  await using harness = await Harness.start();
  const channel = await openChannel(harness, '/mcp/sse', {});
  await channel.reader.close();
  const answer = await send(harness, 'GET', { accept: 'application/json' }, undefined, '/mcp/sse');
  expect([answer.status, answer.json['ready']]).toEqual([200, true]);
});

test('messages before initialize are answered on the stream', async () => {
  await using harness = await Harness.start();
  const channel = await openChannel(harness, '/sse');
  await channel.post(request('ping', {}, 1));
  expect((await channel.reader.message())?.data).toBe('{"jsonrpc":"2.0","id":1,"result":{}}');
  await channel.post(call('echo', {}, 2));
  expect((await channel.reader.message())?.data).toContain('"id":2,"error":{"code":-32600');
  await channel.post([{ jsonrpc: '1.0', id: 3 }]);
  expect((await channel.reader.message())?.data).toContain('"id":3,"error":{"code":-32600');
  await channel.reader.close();
});

test('a second initialize is refused on the stream', async () => {
  await using harness = await Harness.start();
  const channel = await openChannel(harness, '/sse');
  await initialize(channel);
  await channel.post(initializeMessage('2024-11-05', 'again'));
  expect((await channel.reader.message())?.data).toContain('"id":"again","error":{"code":-32600');
  await channel.reader.close();
});

test('changes are reported on the stream', async () => {
  await using harness = await Harness.start();
  const channel = await openChannel(harness, '/sse');
  await initialize(channel);
  (await harness.subscriptions.nth(0)).report({ kind: 'tools' });
  expect((await channel.reader.message())?.data).toContain('tools/list_changed');
  await channel.reader.close();
});

test('a closed stream cancels its calls, and its address is 404 with the way back', async () => {
  await using harness = await Harness.start();
  const channel = await openChannel(harness, '/sse');
  await initialize(channel);
  await channel.post(call('hold'));
  const held = await harness.handler.next();
  await channel.reader.close();
  await harness.closed('session', 'stream-closed');
  expect(held.cancelled).toBe('session ended');
  const dead = await channel.post(request('ping'));
  expect([dead.status, dead.json['error']?.['code']]).toEqual([404, -32001]);
  expect(dead.json['canonical_endpoint']).toBe(harness.url());
});

// Attack on "nothing runs twice": the body arrives after the stream went (a client that reconnects, a node that drains). A call that was taken then would
// run, its answer would have nowhere to go, and the client would call again.
test('a message whose stream ends while its body arrives is refused, and nothing runs', async () => {
  await using harness = await Harness.start();
  const channel = await openChannel(harness, '/sse');
  await initialize(channel);
  const body = JSON.stringify(call('echo', {}, 8));
  const socket = await dial(harness);
  const head = `POST ${channel.endpoint} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  socket.write(head + body.slice(0, 10));
  // Another request is served after it: the first one has been let in by now.
  await channel.post(request('ping', {}, 6));
  await channel.reader.close();
  await harness.closed('session', 'stream-closed');
  socket.write(body.slice(10));
  const answer = await readUntil(socket, hasBody);
  expect(answer).toMatch(/^HTTP\/1\.1 404 /);
  expect(answer).toContain('Open it again with GET.');
  expect(harness.handler.seen.filter(({ method }) => method === 'tools/call')).toEqual([]);
});

test('a client can cancel with a notification, and nothing is answered', async () => {
  await using harness = await Harness.start();
  const channel = await openChannel(harness, '/sse');
  await initialize(channel);
  await channel.post(call('hold', {}, 5));
  const held = await harness.handler.next();
  await channel.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 5 } });
  await channel.post(request('ping', {}, 6));
  expect((await channel.reader.message())?.data).toContain('"id":6');
  expect(held.cancelled).toBe('cancelled by client');
  await channel.reader.close();
});

describe('isolation', () => {
  test('ids of one transport are unknown on the other', async () => {
    await using harness = await Harness.start();
    const channel = await openChannel(harness, '/sse');
    await initialize(channel);
    const id = new URLSearchParams(channel.endpoint.split('?')[1]).get('session_id') ?? '';
    expect((await post(harness, request('ping'), { 'mcp-session-id': id })).status).toBe(404);
    const { 'mcp-session-id': streamable = '' } = await openSession(harness);
    expect((await post(harness, request('ping'), {}, `/messages/?session_id=${streamable}`)).status).toBe(404);
    await channel.reader.close();
  });

  // Attack: a stolen message address used by somebody else to act in, or write to, the victim's session.
  test('another principal cannot post to a stream', async () => {
    await using harness = await Harness.start();
    const channel = await openChannel(harness, '/sse', { accept: 'text/event-stream', 'x-principal': 'alice' });
    expect((await channel.post(request('ping'), { 'x-principal': 'mallory' })).status).toBe(404);
    expect((await channel.post(request('ping'), { 'x-principal': 'alice' })).status).toBe(202);
    await channel.reader.close();
  });
});

describe('the message path', () => {
  test.each([
    ['without a session', '/messages/'],
    ['without a slash', '/messages?session_id=gone'],
  ])('%s is 404 JSON', async (_name, path) => {
    await using harness = await Harness.start();
    const answer = await post(harness, request('ping'), {}, path);
    expect([answer.status, answer.json['error']?.['code']]).toEqual([404, -32001]);
  });

  test('knows POST alone', async () => {
    await using harness = await Harness.start();
    const answer = await send(harness, 'GET', {}, undefined, '/messages/?session_id=x');
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  });

  test('refuses what is no JSON before it says Accepted', async () => {
    await using harness = await Harness.start();
    const channel = await openChannel(harness, '/sse');
    expect((await channel.post('{"jsonrpc":')).status).toBe(400);
    expect((await channel.post('{}', { 'content-type': 'text/plain' })).status).toBe(415);
    await channel.reader.close();
  });
});

test('a stream over which nobody initializes is closed after a while', async () => {
  await using harness = await Harness.start();
  const channel = await openChannel(harness, '/sse');
  harness.clock.advance(300_000);
  expect((await channel.reader.rest()).every((event) => event.comment !== undefined)).toBe(true);
});

test('a drain lets a running call answer before it ends the stream', async () => {
  await using harness = await Harness.start();
  const channel = await openChannel(harness, '/sse');
  await initialize(channel);
  await channel.post(call('hold', {}, 3));
  const held = await harness.handler.next();
  const drained = harness.downstream.close();
  held.finish('{"last":1}');
  expect((await channel.reader.message())?.data).toContain('{"last":1}');
  expect(await channel.reader.next()).toBeUndefined();
  await drained;
});

describe('switched off', () => {
  test('its paths are probes, and a GET for a stream is 405', async () => {
    await using harness = await Harness.start({ routes: [{ legacySse: false }] });
    for (const path of ['/sse', '/mcp/sse', '/messages/']) {
      const answer = await send(harness, 'GET', { accept: 'text/event-stream' }, undefined, path);
      expect([answer.status, answer.json['error']]).toEqual([404, 'not_implemented']);
      expect(answer.json['supported_transports']).toEqual(['streamable_http']);
    }
    expect((await send(harness, 'GET', { accept: 'text/event-stream' })).status).toBe(405);
  });
});

test('behind a proxy that strips a path, the address carries it', async () => {
  await using harness = await Harness.start({ options: { publicUrl: 'https://gate.example.com/tools/' } });
  const channel = await openChannel(harness, '/sse');
  expect(channel.endpoint).toMatch(/^\/tools\/messages\/\?session_id=/);
  await channel.reader.close();
});
