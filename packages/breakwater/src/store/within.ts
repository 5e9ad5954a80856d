import type { Clock } from '../core/ports.ts';

/** `work`, or a rejection with what `late` makes when it takes longer than `ms`. Whatever `work` does after that is ignored. */
export function within<T>(clock: Clock, ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => {
      // What has already arrived is still to be read when this process was busy or stopped for long: timers come first.
      setImmediate(() => reject(late()));
    });
    work.then(
      (value) => {
        timer.clear();
        resolve(value);
      },
      (error: unknown) => {
        timer.clear();
        reject(error);
      },
    );
  });
}

/** Resolves after so many ms. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
