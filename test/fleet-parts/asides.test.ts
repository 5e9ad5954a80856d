/** What a server says outside of any call, for a client whose stream is on another node than the server's connection. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../fixtures/redis.ts';
import { type LateAsker, makeLateAsker } from '../questions/askers/late-asker.ts';
import { type Served, serveV1 } from '../questions/askers/serve-v1.ts';
import { ASKABLE } from '../questions/modern-caller.ts';
import { type LegacySession, openSession } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at, textAt } from '../requirements/support/json.ts';
import { post, stream, type WireStream } from '../requirements/support/wire.ts';
import { type LegacyTaskServer, makeLegacyTaskServer } from '../tasks/legacy-task-server.ts';

let redis: RedisServer;
let asker: LateAsker;
let served: Served;
let tasks: LegacyTaskServer;
let one: RunningGateway;
let two: RunningGateway;

beforeAll(async () => {
  process.env['TEST_ASIDES_SECRET'] = randomBytes(48).toString('base64');
  redis = await startRedis();
  asker = makeLateAsker();
  served = await serveV1(asker.create, { sessions: true });
  tasks = makeLegacyTaskServer();
  const start = (): Promise<RunningGateway> =>
    startGateway({
      store: redis.url,
      fleet: { secret: { env: 'TEST_ASIDES_SECRET' }, listen: { port: 0 } },
      upstreams: { pipe: { factory: asker.create }, http: { url: served.url }, tasks: { factory: tasks.create } },
      routes: ['pipe', 'http', 'tasks'].map((name) => ({ path: `/${name}`, upstreams: [name] })),
    });
  [one, two] = [await start(), await start()];
});

afterAll(async () => {
  await one?.close();
  await two?.close();
  await served?.close();
  tasks?.close();
  await redis?.[Symbol.asyncDispose]();
});

/** Opens the stream of a session on node two. */
function listenAtTwo(route: string, session: LegacySession): Promise<WireStream> {
  return stream('GET', `${two.base}/${route}`, { ...session.headers, accept: 'text/event-stream' });
}

/** The next message on a stream with this method. */
async function next({ reader }: WireStream, method: string): Promise<unknown> {
  for (;;) {
    const message = await reader.message();
    if (at(message, 'method') === method) return message;
  }
}

test.each(['pipe', 'http'])(
  'a question of %s reaches the stream on the other node, and its answer finds back',
  async (route) => {
    const headers = { 'x-test-principal': `ann-${route}` };
    const session = await openSession(`${one.base}/${route}`, { capabilities: ASKABLE, headers });
    const listening = await listenAtTwo(route, session);
    const key = `key-${route}`;
    expect((await session.request('tools/call', { name: 'hello', arguments: { key } })).status).toBe(200);
    for (const turn of [1, 2]) {
      const said = asker.ask(key, 'form');
      const question = await next(listening, 'elicitation/create');
      // Whichever node the answer comes to.
      const url = turn === 1 ? two.base : one.base;
      const result = { action: 'accept', content: { name: `Ann ${turn}` } };
      const answer = { jsonrpc: '2.0', id: at(question, 'id'), result };
      expect((await post(`${url}/${route}`, answer, session.headers)).status).toBe(202);
      expect(await said).toBe(`accept Ann ${turn}`);
    }
    // What the server does not want to know any more is withdrawn there, too.
    const left = new AbortController();
    const given = asker.ask(key, 'form', left.signal);
    const question = await next(listening, 'elicitation/create');
    left.abort();
    await given;
    expect(at(await next(listening, 'notifications/cancelled'), 'params', 'requestId')).toBe(at(question, 'id'));
    listening.close();
    await session.end();
  },
);

// Attack: a question that is too large for what nodes say to each other: the server would wait for an answer to what nobody was asked.
test('a question that cannot be carried to the other node is answered at once', async () => {
  const session = await openSession(`${one.base}/pipe`, {
    capabilities: ASKABLE,
    headers: { 'x-test-principal': 'dan' },
  });
  const listening = await listenAtTwo('pipe', session);
  const key = 'k'.repeat(70_000);
  expect((await session.request('tools/call', { name: 'hello', arguments: { key } })).status).toBe(200);
  expect(await asker.ask(key, 'form')).toBe('cancel');
  listening.close();
  await session.end();
});

// Attack: somebody else's stream, on the node that is asked who reads.
test('nobody but the session itself is asked', async () => {
  const session = await openSession(`${one.base}/pipe`, {
    capabilities: ASKABLE,
    headers: { 'x-test-principal': 'bob' },
  });
  const stranger = await openSession(`${two.base}/pipe`, {
    capabilities: ASKABLE,
    headers: { 'x-test-principal': 'eve' },
  });
  const listening = await stranger.listen();
  expect((await session.request('tools/call', { name: 'hello', arguments: { key: 'bob' } })).status).toBe(200);
  expect(await asker.ask('bob', 'form')).toBe('cancel');
  listening.close();
  const rest = await listening.reader.rest();
  expect(JSON.stringify(rest)).not.toContain('elicitation');
  await session.end();
  await stranger.end();
});

test('what becomes of a task is told on the stream on the other node', async () => {
  const session = await openSession(`${one.base}/tasks`, { headers: { 'x-test-principal': 'carol' } });
  const listening = await listenAtTwo('tasks', session);
  const made = await session.request('tools/call', { name: 'hold', arguments: {}, task: {} });
  const taskId = textAt(made.messages().at(-1), 'result', 'task', 'taskId');
  const [id = ''] = tasks.tasks;
  tasks.complete(id, 'done');
  const told = await next(listening, 'notifications/tasks/status');
  expect(told).toMatchObject({ params: { taskId, status: 'completed' } });
  listening.close();
  await session.end();
});
