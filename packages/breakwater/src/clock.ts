import { randomBytes } from 'node:crypto';
import type { Clock, Random, Timer } from './core/ports.ts';
import { TimerWheel } from './timer-wheel.ts';

/** From here on a quarter of a second more does not matter. */
const LONG_MS = 5_000;
const wheel = new TimerWheel();

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs: number, run: () => void): Timer {
    if (delayMs >= LONG_MS) return wheel.after(delayMs, run);
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return { clear: () => clearTimeout(timer) };
  },
};

/** Time that goes on evenly from the start of this process on, however the machine's clock is set meanwhile. */
export const steadyClock: Clock = {
  now: () => Math.floor(performance.timeOrigin + performance.now()),
  after: systemClock.after,
};

const ID_BYTES = 16;
const POOLED_IDS = 256;
let pool = Buffer.alloc(0);
let used = 0;

/** 128 unpredictable bits as visible ASCII. */
export const systemRandom: Random = {
  id() {
    // Drawn for many ids at once: a draw costs the same for 16 bytes as for 4 KiB. No byte is used twice, and none stays.
    if (used === pool.length) {
      pool = randomBytes(POOLED_IDS * ID_BYTES);
      used = 0;
    }
    const id = pool.toString('base64url', used, used + ID_BYTES);
    pool.fill(0, used, used + ID_BYTES);
    used += ID_BYTES;
    return id;
  },
};
