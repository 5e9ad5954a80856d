import type { Store } from '../core/store.ts';

/** The same store; `onFailure` is called for each operation that was not done. Wrong use of it is no failure. */
export function watchStore(store: Store, onFailure: () => void): Store {
  const watched = new Map<PropertyKey, (...words: unknown[]) => Promise<unknown>>();
  const onFault = (error: unknown): never => {
    if (!(error instanceof TypeError)) onFailure();
    throw error;
  };
  return new Proxy(store, {
    get(target, name) {
      const known = watched.get(name);
      if (known !== undefined) return known;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const run = (...words: unknown[]): Promise<unknown> =>
        (value.apply(target, words) as Promise<unknown>).catch(onFault);
      watched.set(name, run);
      return run;
    },
  });
}
