import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  BOTH,
  call,
  dial,
  modernHeaders,
  modernParams,
  open,
  openSession,
  post,
  postModern,
  request,
} from './client.ts';
import { EventReader } from './event-reader.ts';
import { Harness } from './harness.ts';
import type { HeldExchange } from './scripted-handler.ts';

const POSTED = { 'content-type': 'application/json', accept: BOTH };
const MEGABYTE = 'x'.repeat(1_000_000);

describe('the late commit', () => {
  test('a slow call becomes a stream after 10 s and carries comments from then on', async () => {
    await using harness = await Harness.start();
    const response = open(
      harness,
      'POST',
      { ...POSTED, ...(await openSession(harness, '2025-06-18')) },
      JSON.stringify(call('hold')),
    );
    const held = await harness.handler.next();
    harness.clock.advance(10_000);
    const reader = new EventReader(await response);
    expect(reader.response.headers.get('x-accel-buffering')).toBe('no');
    expect(await reader.next()).toEqual({ comment: 'keep-alive' });
    harness.clock.advance(15_000);
    expect(await reader.next()).toEqual({ comment: 'keep-alive' });
    held.finish('{"slow":1}');
    expect((await reader.message())?.data).toContain('{"slow":1}');
    expect(await reader.next()).toBeUndefined();
  });

  test('until then an error still has its status', async () => {
    await using harness = await Harness.start();
    const answer = postModern(harness, 'tools/call', { name: 'hold' });
    const held = await harness.handler.next();
    harness.clock.advance(9_999);
    const error = Buffer.from('{"code":-32601,"message":"no such method"}');
    held.reply.done({ kind: 'error', revision: '2026-07-28', error });
    expect((await answer).status).toBe(404);
  });

  test('a client that takes JSON alone waits for it, whatever happens meanwhile', async () => {
    await using harness = await Harness.start();
    const answer = post(harness, call('hold'), { accept: 'application/json' });
    const held = await harness.handler.next();
    held.progress(1);
    harness.clock.advance(60_000);
    held.finish('{"at":"last"}');
    expect((await answer).json).toEqual({ jsonrpc: '2.0', id: 1, result: { at: 'last' } });
    expect(harness.streamEnds).toEqual([]);
  });

  test('a stream without a session has no event ids', async () => {
    await using harness = await Harness.start();
    expect((await post(harness, call('stream'))).text).not.toMatch(/^id:/m);
  });

  test('progress is not sent to who did not ask for it', async () => {
    await using harness = await Harness.start();
    const answer = await post(harness, request('tools/call', { name: 'stream' }));
    expect([answer.headers.get('content-type'), answer.text]).toEqual([
      'application/json',
      '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}',
    ]);
  });

  test('what a handler says after the end is not heard', async () => {
    await using harness = await Harness.start();
    const answer = post(harness, call('hold'));
    const held = await harness.handler.next();
    held.finish('{"first":1}');
    held.finish('{"second":1}');
    expect(held.progress(1)).toBe(true);
    expect((await answer).json['result']).toEqual({ first: 1 });
    expect((await post(harness, call('echo'))).status).toBe(200);
  });
});

describe('large answers', () => {
  test('arrive whole, as JSON and as an event', async () => {
    await using harness = await Harness.start();
    const big = JSON.stringify({ text: MEGABYTE.repeat(5) });
    for (const accept of [BOTH, 'text/event-stream']) {
      const answer = post(harness, call('hold'), { accept });
      (await harness.handler.next()).finish(big);
      const { text } = await answer;
      expect(text.includes(`"result":${big}}`)).toBe(true);
    }
  });

  // Small ones are written as text, larger ones in pieces, the largest at the reader's pace: each way keeps every byte, also in letters of several.
  test.each([3_900, 4_096, 8_150, 8_192, 65_536, 65_600, 300_000])('keep every byte around %i bytes', async (size) => {
    await using harness = await Harness.start();
    for (const surplus of [-60, -1, 0, 1]) {
      const text = 'é€😀\u0000"'.repeat(400_000).slice(0, Math.floor((size + surplus) / 3));
      const result = JSON.stringify({ text });
      const answer = post(harness, call('hold'), { accept: BOTH });
      (await harness.handler.next()).finish(result);
      const { text: body, headers } = await answer;
      expect(body).toBe(`{"jsonrpc":"2.0","id":1,"result":${result}}`);
      expect(headers.get('content-length')).toBe(String(Buffer.byteLength(body)));
    }
  });

  // Attack: ask for large answers and never read them.
  test('that nobody reads are cut off after the write deadline', async () => {
    await using harness = await Harness.start();
    const socket = await dialPaused(harness, call('hold'));
    const finished = new Promise((resolve) =>
      harness.server.once('request', (_req, res) => res.once('close', resolve)),
    );
    socket.resume();
    const held = await harness.handler.next();
    socket.pause();
    held.finish(JSON.stringify({ text: MEGABYTE.repeat(40) }));
    await advanceUntil(harness, finished);
    socket.destroy();
  });
});

describe('a large result that is passed on as it comes', () => {
  // Attack: read slowly, so that connections of the server are held that others need.
  test('lets its server wait for 5 s in all, and then piles up here until it is read', async () => {
    await using harness = await Harness.start();
    const socket = await dialPaused(harness, call('hold'));
    const { reply } = await harness.handler.next();
    const write = reply.beginResult?.({ revision: '2025-03-26', bytes: undefined });
    const pieces = fillResult(write);
    let isDrained = false;
    reply.onDrain(() => {
      isDrained = true;
    });
    harness.clock.advance(4_999);
    expect(isDrained).toBe(false);
    harness.clock.advance(1);
    expect(isDrained).toBe(true);
    for (let i = 0; i < 100; i++) expect(write?.(PIECE)).toBe(true);
    reply.done({ kind: 'result', revision: '2025-03-26', result: Buffer.from('"}') });
    const length = await receivedBytes(socket);
    expect(length).toBeGreaterThan((pieces + 100) * PIECE.length);
  });

  // Attack: ask for large answers and never read them.
  test('that nobody reads is cut off after the write deadline, whatever still comes', async () => {
    await using harness = await Harness.start();
    const finished = new Promise((resolve) =>
      harness.server.once('request', (_req, res) => res.once('close', resolve)),
    );
    const socket = await dialPaused(harness, call('hold'));
    const { reply } = await harness.handler.next();
    const write = reply.beginResult?.({ revision: '2025-03-26', bytes: undefined });
    fillResult(write);
    harness.clock.advance(30_000);
    await finished;
    expect(write?.(PIECE)).toBe(true);
    reply.done({ kind: 'result', revision: '2025-03-26', result: Buffer.from('"}') });
    socket.destroy();
  });

  // Attack: a server that sends more than it announced would write the next answer on this connection.
  test('that is longer than it was said to be is cut off', async () => {
    await using harness = await Harness.start();
    const answer = post(harness, call('hold'));
    const { reply } = await harness.handler.next();
    const write = reply.beginResult?.({ revision: '2025-03-26', bytes: PIECE.length });
    write?.(PIECE);
    reply.done({ kind: 'result', revision: '2025-03-26', result: Buffer.from('"}') });
    await expect(answer).rejects.toThrow();
  });

  test('is not begun twice, and nothing else is said after its beginning', async () => {
    await using harness = await Harness.start();
    const answer = post(harness, call('hold'));
    const held = await harness.handler.next();
    held.reply.beginResult?.({ revision: '2025-03-26', bytes: undefined })?.(Buffer.from('{"a":'));
    expect(held.reply.beginResult?.({ revision: '2025-03-26', bytes: undefined })).toBeUndefined();
    expect(held.progress(1)).toBe(true);
    expect(held.reply.ask('elicitation/create', undefined, () => undefined)).toBeUndefined();
    held.reply.done({ kind: 'result', revision: '2025-03-26', result: Buffer.from('1}') });
    expect((await answer).text).toBe('{"jsonrpc":"2.0","id":1,"result":{"a":1}}');
  });
});

describe('a slow reader', () => {
  test('stops the source, and starts it again when it has caught up', async () => {
    await using harness = await Harness.start();
    const response = await startStream(harness, await openSession(harness, '2025-06-18'));
    const { held } = response;
    fill(held);
    const drained = new Promise<void>((resolve) => held.reply.onDrain(resolve));
    const reading = new EventReader(await response.head).rest();
    await drained;
    expect(held.progress(99)).toBe(true);
    held.finish();
    expect((await reading).at(-1)?.data).toContain('"result"');
  });

  test('without progress for 30 s is cut off; its legacy call goes on and can be resumed', async () => {
    await using harness = await Harness.start({ limits: { eventLogBytes: 100_000_000 } });
    const headers = await openSession(harness, '2025-06-18');
    const { held, socket } = await startPausedStream(harness, call('hold'), headers);
    fill(held);
    harness.clock.advance(30_000);
    await harness.closed('stream', 'write-deadline');
    expect(held.cancelled).toBeUndefined();
    expect(held.progress(100)).toBe(true);
    held.finish('{"kept":1}');
    socket.destroy();
  });

  test('of the modern era that is cut off has cancelled', async () => {
    await using harness = await Harness.start();
    const message = request('tools/call', modernParams({ name: 'hold' }, { progressToken: 1 }));
    const { held, socket } = await startPausedStream(harness, message, modernHeaders('tools/call', 'hold'));
    fill(held);
    harness.clock.advance(30_000);
    await harness.closed('stream', 'write-deadline');
    expect(held.cancelled).toBe('client disconnected');
    socket.destroy();
  });

  // Attack: many megabytes of events for readers that do not read; memory must not grow with them.
  test('that lets too much pile up is cut off at the cap, though its source ignores back-pressure', async () => {
    await using harness = await Harness.start({ options: { streamBytes: 4_000_000 } });
    const { held, socket } = await startPausedStream(harness, call('hold'), await openSession(harness, '2025-06-18'));
    for (let i = 0; i < 30; i++) held.progress(i, MEGABYTE);
    await harness.closed('stream', 'stream-bytes');
    socket.destroy();
  });
});

/** Sends progress until the client is behind. */
function fill(held: HeldExchange): void {
  let value = 1;
  while (held.progress(++value, MEGABYTE)) if (value > 200) throw new Error('the reader never fell behind');
}

const PIECE = Buffer.alloc(65_536, 'x');

/** Writes pieces of a result until the client is behind; returns their number. */
function fillResult(write: ((bytes: Buffer) => boolean) | undefined): number {
  for (let pieces = 1; pieces < 1_000; pieces++) if (write?.(PIECE) === false) return pieces;
  throw new Error('the reader never fell behind');
}

/** Reads a whole chunked answer; resolves with its length. */
async function receivedBytes(socket: Socket): Promise<number> {
  let length = 0;
  for await (const chunk of socket) {
    length += (chunk as Buffer).length;
    if ((chunk as Buffer).subarray(-5).toString() === '0\r\n\r\n') break;
  }
  return length;
}

async function startStream(harness: Harness, headers: Record<string, string>) {
  const head = open(harness, 'POST', { ...POSTED, ...headers }, JSON.stringify(call('hold')));
  const held = await harness.handler.next();
  held.progress(1);
  await head;
  return { head, held };
}

/** A client that sends a request and does not read. */
async function dialPaused(harness: Harness, message: object, headers: Record<string, string> = {}): Promise<Socket> {
  const socket = await dial(harness);
  socket.pause();
  socket.on('error', () => undefined);
  const body = JSON.stringify(message);
  const lines = Object.entries({ ...POSTED, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(
    `POST /mcp HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}

async function startPausedStream(harness: Harness, message: object, headers: Record<string, string>) {
  const socket = await dialPaused(harness, message, headers);
  const held = await harness.handler.next();
  held.progress(1);
  return { held, socket };
}

/** Moves the clock in write deadlines, letting the sockets work in between, until `event`. */
async function advanceUntil(harness: Harness, event: Promise<unknown>): Promise<void> {
  let over = false;
  const done = event.then(() => {
    over = true;
  });
  while (!over) {
    harness.clock.advance(30_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
}
