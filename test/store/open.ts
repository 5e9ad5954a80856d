import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import { openStore, type StoreDeps, type StoreOptions } from '../../packages/breakwater/src/store/open-store.ts';
import type { StorePair } from './contract.ts';

/** What a store gets from this process. */
export const DEPS: StoreDeps = { clock: systemClock, jitter: Math.random };

const HURRY = 20;

/** As {@link DEPS}, but all deadlines are over twenty times sooner: for stores that will never be there. */
export const HURRIED: StoreDeps = {
  ...DEPS,
  clock: {
    now: () => systemClock.now() * HURRY,
    after: (delayMs, run) => systemClock.after(delayMs / HURRY, run),
  },
};

/** Opens a store that is closed at the end of its scope. */
export async function openClosing(
  options: StoreOptions,
  deps: Partial<StoreDeps> = {},
): Promise<Store & AsyncDisposable> {
  const store = await openStore(options, { ...DEPS, ...deps });
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}

/** Opens the same store twice; disposing closes both and what they run on. */
export async function openPair(url: string, stack: AsyncDisposableStack): Promise<StorePair> {
  const one = stack.use(await openClosing({ url }));
  const other = stack.use(await openClosing({ url }));
  return { one, other, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Starts the process that keeps a store in its memory and serves it over its pipe. */
export async function forkKeeper() {
  const child = fork(fileURLToPath(new URL('./keeper.ts', import.meta.url)), { serialization: 'advanced' });
  await once(child, 'message');
  return child;
}
