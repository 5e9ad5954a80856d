import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { createDemoFactory } from '../packages/breakwater/src/demo/server.ts';
import { hostileAnswer, hostileLines } from './arbitraries/hostile.ts';
import { pipeline, rawBytes, request } from './arbitraries/requests.ts';
import { callThrough, type Era } from './support/call-through.ts';
import { startHostileHttp } from './support/hostile-http.ts';
import { checkAlive, checkReleased, judge, openSession } from './support/judge.ts';
import { exchange } from './support/raw-client.ts';
import { startTarget, type Target } from './support/target.ts';

/** How long a property is tried, and from which seed. */
export interface Budget {
  readonly seed: number;
  readonly runs: number;
  /** Ends earlier when this much time has passed. */
  readonly limitMs: number;
}

/** One property of the gateway, for tests and for longer runs. */
export interface FuzzProperty {
  readonly name: string;
  /** Returns how many cases were tried; rejects with the smallest one that breaks the property, its seed and path in the message. */
  run(budget: Budget): Promise<number>;
}

const ALIVE_EVERY = 100;

function withDemo(
  name: string,
  property: (target: Target, sessionId: string) => fc.IAsyncPropertyWithHooks<[unknown]>,
): FuzzProperty {
  return {
    name,
    async run(budget) {
      const target = await startTarget({ upstreams: { demo: { factory: createDemoFactory() } } });
      let tried = 0;
      try {
        const sessionId = await openSession(target.port);
        let count = 0;
        const checked = property(target, sessionId).afterEach(async () => {
          count += 1;
          if (count % ALIVE_EVERY === 0) await checkAlive(target);
        });
        tried = await check(checked, budget);
        await checkAlive(target);
        await checkReleased(target);
      } finally {
        await target.close();
      }
      const left = Object.entries(target.app.counters.open).filter(([, count]) => count !== 0);
      if (left.length > 0) throw new Error(`left open after close: ${JSON.stringify(left)}`);
      return tried;
    },
  };
}

async function check<T>(property: fc.IAsyncProperty<[T]>, { seed, runs, limitMs }: Budget): Promise<number> {
  const details = await fc.check(property, {
    seed,
    numRuns: runs,
    interruptAfterTimeLimit: limitMs,
    includeErrorInReport: true,
  });
  if (details.failed && details.counterexample !== null) throw new Error(fc.defaultReportMessage(details));
  return details.numRuns;
}

/** Requests to every endpoint in which something is wrong. */
export const REQUESTS: FuzzProperty = withDemo('requests with something wrong', (target, sessionId) =>
  fc.asyncProperty(request(sessionId), async ({ bytes, delivery }) => {
    judge(bytes, await exchange(target.port, bytes, delivery));
  }),
);

/** Bytes that are hardly HTTP. */
export const BYTES: FuzzProperty = withDemo('bytes that are hardly HTTP', (target) =>
  fc.asyncProperty(rawBytes, async ({ bytes, delivery }) => {
    judge(bytes, await exchange(target.port, bytes, delivery));
  }),
);

/** Valid requests on one connection, sent without waiting. */
export const PIPELINES: FuzzProperty = withDemo('pipelined requests', (target) =>
  fc.asyncProperty(pipeline, async (requests) => {
    const bytes = Buffer.from(requests.join(''));
    const answers = judge(bytes, await exchange(target.port, bytes, { slices: [], after: 'wait' }, requests.length));
    if (answers.length !== requests.length) throw new Error(`${answers.length} answers to ${requests.length} requests`);
    for (const [index, { body }] of answers.entries()) {
      const id = /"id":(\d)/.exec(requests[index] ?? '')?.[1];
      if (id !== undefined && !body.includes(`"id":${id}`))
        throw new Error(`answer ${index} is out of order: ${body.slice(0, 100)}`);
    }
  }),
);

const anyEra = fc.constantFrom<Era>('legacy', 'modern');

/** Servers over HTTP that answer rubbish; several at a time, because most of a case is waiting. */
export const HOSTILE_HTTP: FuzzProperty = {
  name: 'servers that answer rubbish over HTTP',
  run: (budget) => {
    const play = fc.record({ answer: hostileAnswer, server: anyEra, client: anyEra });
    const several = fc.array(play, { minLength: 1, maxLength: 10, size: 'max' });
    const property = fc.asyncProperty(several, async (plays) => {
      await allOf(plays, async ({ answer, server, client }) => {
        await using hostile = await startHostileHttp(server, answer);
        await using target = await startTarget({
          upstreams: {
            bad: {
              url: hostile.url,
              era: server,
              transport: 'streamable-http',
              limits: { startTimeout: '400ms', acquireTimeout: '400ms', requestTimeout: '400ms' },
            },
          },
          limits: { resultBytes: '256KiB' },
        });
        await callThrough(target, client);
      });
    });
    return check(property, budget);
  },
};

const HOSTILE_STDIO_SCRIPT = fileURLToPath(new URL('support/hostile-stdio.ts', import.meta.url));

/** Servers on pipes that answer rubbish. */
export const HOSTILE_STDIO: FuzzProperty = {
  name: 'servers that answer rubbish on pipes',
  run: (budget) => {
    const play = fc.record({ lines: hostileLines, server: anyEra, client: anyEra });
    const several = fc.array(play, { minLength: 1, maxLength: 4, size: 'max' });
    const property = fc.asyncProperty(several, async (plays) => {
      await allOf(plays, async ({ lines, server, client }) => {
        await using target = await startTarget({
          upstreams: {
            bad: {
              command: process.execPath,
              args: [HOSTILE_STDIO_SCRIPT, server, lines.toString('base64url')],
              era: server,
              maxLineBytes: '256KiB',
              limits: { startTimeout: '5s', acquireTimeout: '5s', requestTimeout: '400ms' },
            },
          },
        });
        await callThrough(target, client);
      });
    });
    return check(property, budget);
  },
};

/** Plays all, also when one fails: what was started must be closed before the next case. */
async function allOf<T>(plays: readonly T[], run: (play: T) => Promise<void>): Promise<void> {
  const settled = await Promise.allSettled(plays.map(run));
  const failure = settled.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/** All of them. */
export const PROPERTIES: readonly FuzzProperty[] = [REQUESTS, BYTES, PIPELINES, HOSTILE_HTTP, HOSTILE_STDIO];
