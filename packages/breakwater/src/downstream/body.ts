import type { IncomingMessage } from 'node:http';
import type { Clock } from '../core/ports.ts';

/** A body that was read whole, or why it was not; `gone` means there is nobody left to answer. */
export type ReadBody =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly reason: 'too-large' | 'timeout' | 'gone' };

/** Bounds of {@link readBody}. */
export interface BodyLimits {
  readonly bodyBytes: number;
  readonly readMs: number;
}

const EMPTY = Buffer.alloc(0);

/**
 * Reads a request body within its bounds; never rejects. The deadline is for the whole body: one byte a second must not hold a request
 * open for ever (slow body attack).
 */
export function readBody(req: IncomingMessage, limits: BodyLimits, clock: Clock): Promise<ReadBody> {
  const announced = Number(req.headers['content-length'] ?? 0);
  if (announced > limits.bodyBytes) return Promise.resolve({ ok: false, reason: 'too-large' });
  return new Promise((resolve) => {
    let first: Buffer | undefined;
    let rest: Buffer[] | undefined;
    let size = 0;
    let isSettled = false;
    const settle = (result: ReadBody): void => {
      if (isSettled) return;
      isSettled = true;
      deadline.clear();
      // After its end a request says nothing any more: taking off three listeners would be the larger part of reading a small body.
      if (!result.ok) {
        req.off('data', onData);
        req.off('end', onEnd);
        req.off('close', onGone);
      }
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limits.bodyBytes) settle({ ok: false, reason: 'too-large' });
      else if (first === undefined) first = chunk;
      else if (rest === undefined) rest = [first, chunk];
      else rest.push(chunk);
    };
    const onEnd = (): void =>
      settle({ ok: true, bytes: rest === undefined ? (first ?? EMPTY) : Buffer.concat(rest, size) });
    const onGone = (): void => settle({ ok: false, reason: 'gone' });
    const deadline = clock.after(limits.readMs, () => settle({ ok: false, reason: 'timeout' }));
    req.on('data', onData);
    req.on('end', onEnd);
    // 'close' without 'end' is an aborted upload; an 'error' always precedes such a close and is already handled by it.
    req.on('close', onGone);
  });
}

/**
 * Throws away what is left of a refused body, so that the client can read the refusal: a socket that is closed with unread bytes is reset,
 * and the answer is lost with it. Who goes on sending past the bounds is cut off.
 */
export function discardBody(req: IncomingMessage, limits: BodyLimits, clock: Clock): void {
  if (req.complete || req.destroyed) return;
  // Marks the body as wanted: Node throws away what nobody read itself when the answer is finished, and then without any bound.
  req.read(0);
  let size = 0;
  const deadline = clock.after(limits.readMs, () => req.socket.destroy());
  req.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > 4 * limits.bodyBytes) req.socket.destroy();
  });
  req.once('close', () => deadline.clear());
  req.resume();
}
