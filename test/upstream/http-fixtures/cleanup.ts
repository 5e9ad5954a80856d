import { afterEach } from 'vitest';
import { makeOpening, type Opening } from './harness.ts';
import { type RawHandler, type RawServer, startRawServer } from './raw-server.ts';

/** Servers and openings of a test file, all ended after each test, the newest first. */
export interface Scope {
  defer(close: () => Promise<unknown>): void;
  serve(handler: RawHandler): Promise<RawServer>;
  opening(...args: Parameters<typeof makeOpening>): Opening;
}

/** Makes the scope of a test file. */
export function useScope(): Scope {
  const steps: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const step of steps.splice(0).reverse()) await step();
  });
  return {
    defer: (close) => void steps.push(close),
    async serve(handler) {
      const server = await startRawServer(handler);
      steps.push(async () => await server[Symbol.asyncDispose]());
      return server;
    },
    opening(...args) {
      const opening = makeOpening(...args);
      steps.push(() => opening.close());
      return opening;
    },
  };
}
