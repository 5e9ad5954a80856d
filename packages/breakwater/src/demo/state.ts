/** One thing that `grow` added at run time. */
export interface Grown {
  kind: 'tool' | 'prompt' | 'resource';
  name: string;
}

/** What a server instance is told when shared state changes. */
export type DemoChange = { kind: 'counter' } | { kind: 'grown'; grown: Grown };

/** How many calls ended in which way; the tool `stats` reports it. */
export interface DemoStats {
  calls: number;
  running: number;
  cancelled: number;
}

/**
 * Everything the demo remembers, shared by all server instances of one factory. A modern HTTP server is built anew for
 * every request, so an instance must never hold state of its own.
 */
export interface DemoState {
  readonly grown: readonly Grown[];
  readonly stats: DemoStats;
  readonly counter: number;
  bump(by: number): number;
  grow(kind: Grown['kind']): Grown;
  /** Calls the listener on every change until the returned function is called. */
  watch(listener: (change: DemoChange) => void): () => void;
}

/** Upper bound of what `grow` may add, so that a looping agent cannot fill the memory. */
const MAX_GROWN = 100;

/** Creates the state of one demo, with a counter at zero and nothing grown. */
export function createDemoState(): DemoState {
  const listeners = new Set<(change: DemoChange) => void>();
  const grown: Grown[] = [];
  let counter = 0;

  function tell(change: DemoChange): void {
    for (const listener of listeners) listener(change);
  }

  return {
    grown,
    stats: { calls: 0, running: 0, cancelled: 0 },
    get counter() {
      return counter;
    },
    bump(by) {
      counter += by;
      tell({ kind: 'counter' });
      return counter;
    },
    grow(kind) {
      if (grown.length >= MAX_GROWN) throw new RangeError(`nothing more can be grown: ${MAX_GROWN} is the limit`);
      const added: Grown = { kind, name: `grown-${kind}-${grown.length + 1}` };
      grown.push(added);
      tell({ kind: 'grown', grown: added });
      return added;
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
