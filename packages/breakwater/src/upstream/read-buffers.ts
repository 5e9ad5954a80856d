import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Half of what V8 lets pile up outside of its heap before it marks all that is in it. */
const COLLECT_BYTES = 33_554_432;

let uncollected = 0;
let mayCollect = false;
let collect: (() => void) | undefined;

/** Lets this process collect young garbage at a time of ours. For the program alone: in somebody's own process the collector is not ours to call. */
export function collectReadBuffers(): void {
  mayCollect = true;
}

/**
 * Counts bytes that were read from servers, and has the young generation collected now and then, where {@link collectReadBuffers} allowed it. Node reads into a fresh buffer of 64 KiB each time. They
 * are garbage a moment later, but so few objects that no young collection becomes due; V8 sees only their memory, and marks the whole heap for every
 * 64 MiB of them: more than half of what a result of 1 MB cost. A young collection takes a millisecond.
 */
export function countRead(bytes: number): void {
  uncollected += bytes;
  if (uncollected < COLLECT_BYTES || !mayCollect) return;
  uncollected = 0;
  collect ??= findCollector();
  collect();
}

// There is no other way to it than the flag, which is looked at when a context is made.
function findCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('typeof gc === "function" ? gc : undefined') as NodeJS.GCFunction | undefined;
  setFlagsFromString('--no-expose-gc');
  return () => gc?.({ type: 'minor' });
}
