import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { openSession } from '../requirements/support/clients.ts';
import { startGateway } from '../requirements/support/gateway.ts';

// Attack: a client subscribes to short names in bodies as large as may be. Whoever remembers a name as a slice of its body keeps the body with it.
test('what a session watches keeps nothing of the requests that asked for it', { timeout: 60_000 }, async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await using gateway = await startGateway(
    { upstreams: { demo: { factory: createDemoFactory() } } },
    { onEvent: () => undefined },
  );
  const session = await openSession(gateway.url);
  await session.request('resources/subscribe', { uri: 'demo://counter' });
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let at = 0; at < 40; at++) {
    const params = { uri: `demo://items/that/are/watched/${at}`, note: 'x'.repeat(1_000_000) };
    expect((await session.request('resources/subscribe', params)).json()).toMatchObject({ result: {} });
  }
  const grown = (): number => {
    collect();
    return process.memoryUsage().heapUsed - before;
  };
  await expect.poll(grown, { timeout: 20_000 }).toBeLessThan(15_000_000);
});
