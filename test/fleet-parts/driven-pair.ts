import { randomBytes } from 'node:crypto';
import { startRedis } from '../fixtures/redis.ts';
import { type DrivenAsker, startDriven } from '../questions/driven-asker.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';

/** Two nodes of a fleet before one legacy server that does what the test says. */
export interface DrivenPair {
  readonly asker: DrivenAsker;
  readonly owner: RunningGateway;
  readonly other: RunningGateway;
}

/** Starts a pair; all of it ends with the stack. */
export async function startPair(stack: AsyncDisposableStack): Promise<DrivenPair> {
  const asker = stack.use(await startDriven('legacy'));
  const redis = stack.use(await startRedis());
  process.env['TEST_PAIR_SECRET'] = randomBytes(48).toString('base64');
  const start = async (): Promise<RunningGateway> =>
    stack.use(
      await startGateway({
        store: redis.url,
        fleet: { secret: { env: 'TEST_PAIR_SECRET' }, listen: { port: 0 } },
        upstreams: { it: { url: asker.url } },
        routes: [{ path: '/mcp' }],
      }),
    );
  return { asker, owner: await start(), other: await start() };
}
