import type { Store } from '../core/store.ts';

/** The same store; `onFailure` is called for each operation that was not done. Wrong use of it is no failure. */
export function watchStore(store: Store, onFailure: () => void): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...words: unknown[]): Promise<unknown> => {
        try {
          return await value.apply(target, words);
        } catch (error) {
          if (!(error instanceof TypeError)) onFailure();
          throw error;
        }
      };
    },
  });
}
