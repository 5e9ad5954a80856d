import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { LiveStream } from '../../packages/breakwater/src/fleet/live-stream.ts';
import { startTcpProxy, type TcpProxy } from '../fixtures/tcp-proxy.ts';

/** Both ends of a live connection over a path that can be disturbed. */
async function connection(): Promise<
  { asking: LiveStream; working: LiveStream; below: Duplex; path: TcpProxy } & AsyncDisposable
> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const path = await startTcpProxy((server.address() as AddressInfo).port);
  const accepted = once(server, 'connection');
  const below = connect(path.port, '127.0.0.1');
  const asking = new LiveStream(below, systemClock, 'asking');
  const working = new LiveStream((await accepted)[0] as Duplex, systemClock, 'working');
  return {
    asking,
    working,
    below,
    path,
    async [Symbol.asyncDispose]() {
      asking.destroy();
      working.destroy();
      await path[Symbol.asyncDispose]();
      server.close();
    },
  };
}

test('bytes arrive as they were written, in whatever pieces, and the end after them', async () => {
  await using ends = await connection();
  const sent = Buffer.alloc(3_000_000, 'abcdefghijk');
  for (let at = 0, size = 1; at < sent.length; at += size, size = (size * 7) % 100_003) {
    ends.asking.write(sent.subarray(at, at + size));
  }
  ends.asking.end();
  const received: Buffer[] = [];
  for await (const chunk of ends.working) received.push(chunk as Buffer);
  expect(Buffer.concat(received).equals(sent)).toBe(true);
});

test('attack: a peer that writes its sizes byte by byte is read all the same', async () => {
  await using ends = await connection();
  for (const byte of [0, 0, 0, 3, 97, 98, 99, 0, 0, 0, 0, 0, 0, 0, 1, 100]) {
    ends.below.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  let text = '';
  for await (const chunk of ends.working) {
    text += String(chunk);
    if (text.length === 4) break;
  }
  expect(text).toBe('abcd');
});

test('a connection on which nothing is said lives', async () => {
  await using ends = await connection();
  // Longer than silence is suffered.
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  ends.asking.write('still here');
  expect(String((await once(ends.working, 'data'))[0])).toBe('still here');
});

test('a reader that stands still is not taken for a dead one', async () => {
  await using ends = await connection();
  ends.working.pause();
  const sent = Buffer.alloc(3_000_000, 'x');
  ends.asking.write(sent);
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  expect([ends.asking.destroyed, ends.working.destroyed]).toEqual([false, false]);
  ends.asking.end();
  let length = 0;
  for await (const chunk of ends.working) length += (chunk as Buffer).length;
  expect(length).toBe(sent.length);
});

test('silence ends it at both sides, first where the work is done', async () => {
  await using ends = await connection();
  const order: string[] = [];
  const closed = (['asking', 'working'] as const).map(
    (side) =>
      new Promise<void>((resolve) => {
        ends[side].on('close', () => {
          order.push(side);
          resolve();
        });
      }),
  );
  // Attack: a firewall that forgets a connection and says so to nobody.
  ends.path.blackhole();
  await Promise.all(closed);
  expect(order).toEqual(['working', 'asking']);
});

test('what was cut off is heard of at once by the other side', async () => {
  await using ends = await connection();
  ends.asking.write('hello');
  await once(ends.working, 'data');
  const gone = once(ends.working, 'close');
  ends.asking.destroy();
  await gone;
});
