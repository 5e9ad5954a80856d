import { once } from 'node:events';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { PipeStore } from '../../packages/breakwater/src/store/pipe-store.ts';
import { startCluster, startRedis, startSentinel } from '../fixtures/redis.ts';
import { describeStore, type StorePair } from './contract.ts';
import { forkKeeper, openPair } from './open.ts';

describeStore('memory', async () => {
  const store = new MemoryStore(systemClock);
  return { one: store, other: store, [Symbol.asyncDispose]: () => store.close() };
});

describeStore('memory of another process', async () => {
  const child = await forkKeeper();
  const [one, other] = [new PipeStore(child, { clock: systemClock }), new PipeStore(child, { clock: systemClock })];
  return {
    one,
    other,
    async [Symbol.asyncDispose]() {
      await one.close();
      await other.close();
      const gone = once(child, 'exit');
      child.kill();
      await gone;
    },
  };
});

for (const [kind, start] of [
  ['Redis', startRedis],
  ['Redis with Sentinel', startSentinel],
  ['Redis Cluster', startCluster],
] as const) {
  describeStore(kind, async (): Promise<StorePair> => {
    const stack = new AsyncDisposableStack();
    return openPair(stack.use(await start()).url, stack);
  });
}
