/** Streams of calls whose connections break while their node leaves the fleet. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { startRedis } from '../fixtures/redis.ts';
import { startDriven } from '../questions/driven-asker.ts';
import { nameIs } from '../questions/modern-caller.ts';
import { openSession } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at, textAt } from '../requirements/support/json.ts';
import { post, stream } from '../requirements/support/wire.ts';

const TEST_MS = 60_000;

// Attack: the node refused everything but POST. What its server asked from then on reached nobody, and the SDKs come back twice and then give up.
test('a client whose connection breaks gets the rest of its answer from the node that leaves, and what that asks', {
  timeout: TEST_MS,
}, async () => {
  await using asker = await startDriven('legacy');
  await using redis = await startRedis();
  process.env['TEST_RESUME_SECRET'] = randomBytes(48).toString('base64');
  const start = (): Promise<RunningGateway> =>
    startGateway({
      store: redis.url,
      fleet: { secret: { env: 'TEST_RESUME_SECRET' }, listen: { port: 0 } },
      upstreams: { it: { url: asker.url } },
      routes: [{ path: '/mcp' }],
    });
  await using owner = await start();
  await using other = await start();
  const session = await openSession(owner.url, { capabilities: { elicitation: {} } });
  const called = session.stream('tools/call', { name: 'act', arguments: {} });
  const running = await asker.nextCall();
  running.log('working');
  const broken = await called;
  await broken.reader.message();
  const lastEventId = broken.reader.seen.at(-1)?.id;
  const leaving = owner.close();
  broken.close();
  const headers = { ...session.headers, accept: 'text/event-stream', 'last-event-id': lastEventId };
  const resumed = await stream('GET', other.url, headers);
  expect(resumed.status).toBe(200);
  running.ask('q1');
  const question = await resumed.reader.message();
  expect(at(question, 'method')).toBe('elicitation/create');
  const answer = { jsonrpc: '2.0', id: at(question, 'id'), result: nameIs('Ann') };
  expect((await post(other.url, answer, session.headers)).status).toBe(202);
  await asker.answerTo('q1');
  running.finish('asked Ann');
  expect(textAt(await resumed.reader.message(), 'result', 'content', 0, 'text')).toBe('asked Ann');
  await leaving;
});
