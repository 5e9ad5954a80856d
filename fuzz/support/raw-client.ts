import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How bytes reach the server, and what the client does then. */
export interface Delivery {
  /** Sizes of the slices; the last one is repeated. Empty: everything at once. */
  readonly slices: readonly number[];
  /** `wait`: until there is an answer. `half-close`: sends FIN first. `hold`: until the server gives up or answers. `drop`: goes away at once. */
  readonly after: 'wait' | 'half-close' | 'hold' | 'drop';
}

/** What one connection came to. */
export interface Exchanged {
  readonly received: Buffer;
  /** `answered`: as many heads as were waited for came. `closed`: the server ended the connection. `hung`: neither within the limit. */
  readonly end: 'answered' | 'closed' | 'hung' | 'dropped';
}

/** No deadlines of a fuzzed gateway towards its clients add up to this. */
const HANG_MS = 6_000;

/** Sends bytes on a connection of their own and reads until `answers` whole answers (or the head of a stream) have come. */
export async function exchange(
  port: number,
  bytes: Buffer,
  delivery: Delivery,
  answers: number = 1,
  hangMs: number = HANG_MS,
): Promise<Exchanged> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  const received: Buffer[] = [];
  const isHead = bytes.subarray(0, 5).toString('latin1') === 'HEAD ';
  const { promise, resolve } = Promise.withResolvers<Exchanged['end']>();
  socket.on('data', (chunk: Buffer) => {
    received.push(chunk);
    if (hasAnswers(Buffer.concat(received), answers, isHead)) resolve('answered');
  });
  // A reset is an end like any other: who sends rubbish may be cut off.
  socket.on('error', () => resolve('closed'));
  socket.on('end', () => resolve('closed'));
  socket.on('close', () => resolve('closed'));
  const limit = setTimeout(() => resolve('hung'), hangMs);
  try {
    await Promise.race([once(socket, 'connect'), promise]);
    await deliver(bytes, delivery.slices, (slice) => {
      if (!socket.destroyed && socket.writable) socket.write(slice);
    });
    if (delivery.after === 'drop') return { received: Buffer.concat(received), end: 'dropped' };
    if (delivery.after === 'half-close' && socket.writable) socket.end();
    return { end: await promise, received: Buffer.concat(received) };
  } finally {
    clearTimeout(limit);
    socket.destroy();
  }
}

async function deliver(bytes: Buffer, slices: readonly number[], write: (slice: Buffer) => void): Promise<void> {
  let at = 0;
  for (let n = 0; at < bytes.length; n += 1) {
    const size = slices[Math.min(n, slices.length - 1)] ?? bytes.length;
    write(bytes.subarray(at, at + size));
    at += size;
    // Many small slices: enough that the parser sees a boundary, not one turn for each of a thousand.
    if (n < 50) await nextTurn();
  }
}

// Interim answers (100 Continue) do not count; the body of an answer may still be under way when its head is here.
function hasAnswers(bytes: Buffer, answers: number, isHead: boolean): boolean {
  const heads = bytes.toString('latin1').match(/HTTP\/1\.1 [2-5]\d\d[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n/g) ?? [];
  if (heads.length < answers) return false;
  if (isHead) return true;
  const last = heads.at(-1) ?? '';
  const start = bytes.lastIndexOf(last, undefined, 'latin1') + last.length;
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(last)?.[1];
  return length === undefined || bytes.length - start >= Number(length) || /^HTTP\/1\.1 (204|304)/.test(last);
}
