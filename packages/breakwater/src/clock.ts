import { randomBytes } from 'node:crypto';
import type { Clock, Random, Timer } from './core/ports.ts';

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs: number, run: () => void): Timer {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return { clear: () => clearTimeout(timer) };
  },
};

/** 128 unpredictable bits as visible ASCII. */
export const systemRandom: Random = { id: () => randomBytes(16).toString('base64url') };
