import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { createAuthority } from '../listen/support/certificates.ts';
import { call, dial, initializeMessage, open, openSession, post, request, send } from './client.ts';
import { EventReader } from './event-reader.ts';
import { Harness } from './harness.ts';

// An open GET stream leaves `node:http` once its head is out: what a client sees must be the same, and what it sends can do nothing.

const SOON = { timeout: 20_000 };

interface Watched {
  readonly sockets: readonly Socket[];
}

/** Keeps the server's ends of all connections. */
function watchConnections(server: Server): Watched {
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket));
  return { sockets };
}

/** Whether `node:http` has let go of a connection. */
function isBare(socket: Socket | undefined): boolean {
  return socket !== undefined && !('parser' in socket && socket.parser !== null);
}

/** Opens a stream on a raw connection, with whatever else is written in the same breath. */
async function openRaw(harness: Harness, { version = '1.1', head = '', more = '' } = {}) {
  const headers = await openSession(harness, '2025-06-18');
  const watched = watchConnections(harness.server);
  const socket = await dial(harness);
  const named = `host: localhost\r\naccept: text/event-stream\r\nmcp-session-id: ${headers['mcp-session-id']}\r\n${head}`;
  socket.write(`GET /mcp HTTP/${version}\r\n${named}\r\n${more}`);
  const received = { text: '' };
  socket.on('data', (chunk: Buffer) => {
    received.text += chunk.toString('latin1');
  });
  await expect.poll(() => received.text, SOON).toContain('keep-alive\n\n');
  return { socket, received, headers, server: watched.sockets[0] };
}

/** A POST as it stands on the wire behind another request. */
function pipelined(message: object, head = ''): string {
  const body = JSON.stringify(message);
  const types = 'content-type: application/json\r\naccept: application/json, text/event-stream\r\n';
  return `POST /mcp HTTP/1.1\r\nhost: localhost\r\n${types}${head}content-length: ${body.length}\r\n\r\n${body}`;
}

describe('a GET stream without node:http', () => {
  test('says that its connection ends with it, and is out of the parser', async () => {
    await using harness = await Harness.start();
    const { socket, received, server } = await openRaw(harness);
    expect(received.text.toLowerCase()).toContain('\r\nconnection: close\r\n');
    expect(received.text.toLowerCase()).toContain('\r\ntransfer-encoding: chunked\r\n');
    await expect.poll(() => isBare(server), SOON).toBe(true);
    expect(server?.listenerCount('data')).toBe(1);
    socket.destroy();
    await harness.closed('stream', 'client-gone');
  });

  test('carries events of any size, and ends in order', async () => {
    await using harness = await Harness.start();
    const watched = watchConnections(harness.server);
    const headers = await openSession(harness, '2025-06-18');
    const reader = new EventReader(await open(harness, 'GET', { accept: 'text/event-stream', ...headers }));
    await reader.next();
    await expect.poll(() => watched.sockets.some(isBare), SOON).toBe(true);
    const feed = await harness.subscriptions.nth(0);
    for (const size of [1, 15, 16, 65_535, 65_536, 1_000_000]) {
      const uri = `file:///${'x'.repeat(size)}`;
      feed.report({ kind: 'updated', uri });
      expect((await reader.message())?.data).toContain(`"${uri}"`);
    }
    harness.clock.advance(16_000);
    expect(await reader.next()).toEqual({ comment: 'keep-alive' });
    void harness.downstream.close();
    // A body without its last chunk would reject here.
    expect(await reader.rest()).toEqual([]);
    await harness.closed('stream', 'drain');
  });

  // Attack: a client that holds a stream open and feeds the connection for ever.
  test('is cut when its client sends anything more', async () => {
    await using harness = await Harness.start();
    const { socket, received, server } = await openRaw(harness);
    await expect.poll(() => isBare(server), SOON).toBe(true);
    socket.write('POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000\r\n\r\n');
    await harness.closed('stream', 'client-gone');
    await expect.poll(() => server?.destroyed, SOON).toBe(true);
    expect(received.text).not.toContain('400');
  });

  test.each(['end', 'destroy', 'resetAndDestroy'] as const)('ends when its client leaves by %s', async (how) => {
    await using harness = await Harness.start();
    const { socket, server } = await openRaw(harness);
    await expect.poll(() => isBare(server), SOON).toBe(true);
    socket.on('error', () => undefined);
    socket[how]();
    await harness.closed('stream', 'client-gone');
    await expect.poll(() => server?.destroyed, SOON).toBe(true);
    expect(harness.ledger.counts.stream).toBe(0);
  });

  // Attack: a reader that never reads, in the hope that nobody counts bytes outside of HTTP.
  test('that nobody reads is cut off after the write deadline, and counts as unread meanwhile', async () => {
    await using harness = await Harness.start();
    const { socket, server } = await openRaw(harness);
    await expect.poll(() => isBare(server), SOON).toBe(true);
    socket.pause();
    const feed = await harness.subscriptions.nth(0);
    feed.report({ kind: 'updated', uri: `file:///${'x'.repeat(20_000_000)}` });
    await expect.poll(() => server?.writableLength ?? 0, SOON).toBeGreaterThan(0);
    const ends = (): readonly string[] => {
      harness.clock.advance(31_000);
      return harness.streamEnds;
    };
    await expect.poll(ends, SOON).toEqual(['write-deadline']);
    socket.destroy();
  });

  // Attack: a second request in the same packet, so that its fate and that of the stream are mixed up.
  test('stays where it is when another request follows on its connection, which is answered after it', async () => {
    await using harness = await Harness.start();
    const { socket, received, headers, server } = await openRaw(harness, { more: pipelined(request('ping', {}, 77)) });
    expect(received.text.toLowerCase()).not.toContain('connection: close');
    (await harness.subscriptions.nth(0)).report({ kind: 'tools' });
    await expect.poll(() => received.text, SOON).toContain('tools/list_changed');
    expect(isBare(server)).toBe(false);
    expect((await send(harness, 'DELETE', headers)).status).toBe(200);
    await expect.poll(() => received.text, SOON).toMatch(/\r\n0\r\n\r\nHTTP\/1\.1 200 [\s\S]*"id":77,"result":{}}$/);
    socket.destroy();
  });

  // Attack: a call whose answer nobody can get, because the answer before it was the connection's last (RFC 9112 §9.6).
  test('is cut, and nothing runs, when another request follows before it could leave', async () => {
    await using harness = await Harness.start();
    const { socket, headers, server } = await openRaw(harness, { head: 'content-length: 10\r\n' });
    expect(isBare(server)).toBe(false);
    const named = `mcp-session-id: ${headers['mcp-session-id']}\r\n`;
    socket.write(`${'x'.repeat(10)}${pipelined(call('echo'), named)}`);
    await harness.closed('stream', 'client-gone');
    await expect.poll(() => server?.destroyed, SOON).toBe(true);
    expect((await post(harness, request('tools/list'), headers)).status).toBe(200);
    expect(harness.handler.seen.map(({ method }) => method)).toEqual(['tools/list']);
    socket.destroy();
  });

  // What is refused behind an open stream must not be refused behind anything else.
  test('is none of a call: its connection is kept, for one more and for several at once', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    const named = `mcp-session-id: ${headers['mcp-session-id']}\r\n`;
    const watched = watchConnections(harness.server);
    const socket = await dial(harness);
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    socket.write(pipelined(call('stream', {}, 70), named));
    await expect.poll(() => received, SOON).toContain('"id":70');
    expect(received).toContain('text/event-stream');
    for (const ids of [[71], [72, 73, 74]]) {
      socket.write(ids.map((id) => pipelined(call('stream', {}, id), named)).join(''));
      for (const id of ids) await expect.poll(() => received, SOON).toContain(`"id":${id}`);
    }
    expect(received.toLowerCase()).not.toContain('connection: close');
    expect(watched.sockets.map(({ destroyed }) => destroyed)).toEqual([false]);
    socket.destroy();
  });

  test.each([
    ['of HTTP/1.0, which knows no chunks', { version: '1.0' }],
    ['whose request has a body that does not come', { head: 'content-length: 10\r\n' }],
  ])('stays where it is for a client %s', async (_, init) => {
    await using harness = await Harness.start();
    const { socket, received, server } = await openRaw(harness, init);
    (await harness.subscriptions.nth(0)).report({ kind: 'tools' });
    await expect.poll(() => received.text, SOON).toContain('tools/list_changed');
    expect(isBare(server)).toBe(false);
    socket.destroy();
    await harness.closed('stream', 'client-gone');
  });

  test('is replaced and ended like any other', async () => {
    await using harness = await Harness.start();
    const { socket, received, headers, server } = await openRaw(harness);
    await expect.poll(() => isBare(server), SOON).toBe(true);
    const response = await open(harness, 'GET', { accept: 'text/event-stream', ...headers });
    const next = new EventReader(response);
    await harness.closed('stream', 'replaced');
    await expect.poll(() => received.text.endsWith('\r\n0\r\n\r\n'), SOON).toBe(true);
    await expect.poll(() => socket.destroyed || socket.readableEnded, SOON).toBe(true);
    await next.close();
  });

  test('is cut with the others when the time is over', async () => {
    await using harness = await Harness.start();
    const { socket, server } = await openRaw(harness);
    await expect.poll(() => isBare(server), SOON).toBe(true);
    harness.downstream.cut();
    await harness.closed('stream', 'drain');
    await expect.poll(() => server?.destroyed, SOON).toBe(true);
    socket.destroy();
  });
});

test('the stream of the 2024 transport leaves, too, and answers go out on it', async () => {
  await using harness = await Harness.start();
  const watched = watchConnections(harness.server);
  const socket = await dial(harness);
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  socket.write('GET /sse HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n');
  await expect.poll(() => received, SOON).toMatch(/data: \S+\n\n/);
  await expect.poll(() => isBare(watched.sockets[0]), SOON).toBe(true);
  const [, path = ''] = /data: \S*?(\/messages\S*)\n\n/.exec(received) ?? [];
  expect((await post(harness, initializeMessage('2024-11-05'), {}, path)).status).toBe(202);
  await expect.poll(() => received, SOON).toContain('"protocolVersion":"2024-11-05"');
  socket.destroy();
  await harness.closed('stream', 'client-gone');
});

// A host program may follow each of its connections: those it gave us are left as they are.
test('inside of somebody else’s server a stream stays with node:http', async () => {
  await using harness = await Harness.start();
  const headers = await openSession(harness, '2025-06-18');
  const server = createServer((req, res) => harness.downstream.handleRequest(req, res, () => res.writeHead(404).end()));
  const watched = watchConnections(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
    headers: { accept: 'text/event-stream', ...headers },
  });
  const reader = new EventReader(response);
  await reader.next();
  (await harness.subscriptions.nth(0)).report({ kind: 'tools' });
  expect((await reader.message())?.data).toContain('tools/list_changed');
  expect(response.headers.get('connection')).toBe('keep-alive');
  expect(isBare(watched.sockets[0])).toBe(false);
  await reader.close();
  await harness.closed('stream', 'client-gone');
  server.closeAllConnections();
  server.close();
  expect((await post(harness, request('ping'), headers)).status).toBe(200);
});

// Attack: the same over TLS, where a stream stays with `node:http` for as long as it is open.
test('over TLS, too, what follows an open stream is not run', async () => {
  await using harness = await Harness.start();
  await using authority = await createAuthority();
  const pair = await authority.issue('streams');
  const headers = await openSession(harness, '2025-06-18');
  const server = createTlsServer(
    { cert: await readFile(pair.cert), key: await readFile(pair.key) },
    harness.downstream.handleRequest,
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const socket = connectTls({ port, host: '127.0.0.1', ca: authority.ca });
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  const named = `mcp-session-id: ${headers['mcp-session-id']}\r\n`;
  socket.write(`GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n${named}\r\n`);
  await expect.poll(() => received, SOON).toContain('keep-alive\n\n');
  expect(received.toLowerCase()).toContain('connection: close');
  socket.write(pipelined(call('echo'), named));
  await harness.closed('stream', 'client-gone');
  await expect.poll(() => socket.destroyed, SOON).toBe(true);
  expect((await post(harness, request('tools/list'), headers)).status).toBe(200);
  expect(harness.handler.seen.map(({ method }) => method)).toEqual(['tools/list']);
  server.close();
});
