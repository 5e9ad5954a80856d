/** A modern client with the tasks extension on a server with the tasks of 2025-11-25 (SDK v1), with `tasks.cross`: every task in the client's form. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Served, serveV1 } from '../questions/askers/serve-v1.ts';
import { META } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway, stillOpen } from '../requirements/support/gateway.ts';
import { arrayAt, at, textAt } from '../requirements/support/json.ts';
import { type LegacyTaskServer, makeLegacyTaskServer } from './legacy-task-server.ts';
import { type ModernClient, plainClient, TASKS, taskClient } from './modern-client.ts';

let server: LegacyTaskServer;
let served: Served;
let gateway: RunningGateway;

const KINDS = ['in', 'out', 'single'];

beforeAll(async () => {
  server = makeLegacyTaskServer();
  served = await serveV1(server.create, { sessions: true });
  const tasks = { cross: true };
  gateway = await startGateway({
    upstreams: {
      in: { factory: server.create, tasks },
      out: { url: served.url, tasks },
      // A handle for each request: that of a task is kept for it.
      single: { url: served.url, isolation: 'request', tasks },
      apart: { factory: server.create },
    },
    routes: [...KINDS, 'apart'].map((name) => ({ path: `/${name}`, upstreams: [name] })),
  });
});

afterAll(async () => {
  await gateway?.close();
  await served?.close();
  server?.close();
});

async function create(client: ModernClient, tool: string, principal = 'ann'): Promise<string> {
  const created = await client.call(tool, {}, { principal });
  expect(created).toMatchObject({ result: { resultType: 'task', status: 'working', pollIntervalMs: 50 } });
  expect(at(created, 'result', 'ttlMs')).toBeTypeOf('number');
  return textAt(created, 'result', 'taskId');
}

describe.each(KINDS)('on upstream %s', (name) => {
  const client = (): ModernClient => taskClient(`${gateway.base}/${name}`);
  const lastTask = (): string => server.tasks.at(-1) ?? '';

  test('the extension is offered, and the tools without a word of tasks', async () => {
    const discovered = (await client().request('server/discover')).json();
    expect(at(discovered, 'result', 'capabilities', 'extensions')).toEqual({ [TASKS]: {} });
    expect(at(discovered, 'result', 'capabilities', 'tasks')).toBeUndefined();
    const tools = arrayAt((await client().request('tools/list')).json(), 'result', 'tools');
    expect(tools.map((tool) => at(tool, 'execution'))).toEqual(tools.map(() => undefined));
  });

  test('a tool that runs only as a task becomes one of the client’s, with its result inlined', async () => {
    const taskId = await create(client(), 'work');
    expect(taskId).not.toContain(lastTask());
    const ended = await client().settle(taskId);
    expect(ended).toMatchObject({
      result: { resultType: 'complete', taskId, status: 'completed', result: { content: [{ text: 'worked' }] } },
    });
    expect(JSON.stringify(ended)).not.toContain(lastTask());
    expect(JSON.stringify(ended)).not.toContain('related-task');
  });

  test('a tool that nobody listed yet becomes one, too', async () => {
    const principal = `early-${name}`;
    expect(await client().call('work', {}, { principal })).toMatchObject({ result: { resultType: 'task' } });
  });

  test('a failed tool completes the task with its failure', async () => {
    const taskId = await create(client(), 'fails');
    expect(await client().settle(taskId)).toMatchObject({
      result: { status: 'completed', result: { isError: true, content: [{ text: 'It failed.' }] } },
    });
  });

  test('a task’s question is fetched and answered', async () => {
    const taskId = await create(client(), 'ask');
    await expect
      .poll(async () => at((await client().request('tasks/get', { taskId })).json(), 'result', 'status'))
      .toBe('input_required');
    const asked = (await client().request('tasks/get', { taskId })).json();
    const [key = '', ...others] = Object.keys(at(asked, 'result', 'inputRequests') as object);
    expect(others).toEqual([]);
    expect(at(asked, 'result', 'inputRequests', key)).toMatchObject({
      method: 'elicitation/create',
      params: { message: 'What is your name?' },
    });
    // The same question keeps its key until it is answered; answers to nothing are ignored.
    expect(at((await client().request('tasks/get', { taskId })).json(), 'result', 'inputRequests', key)).toBeDefined();
    const inputResponses = { nothing: {}, [key]: { action: 'accept', content: { name: 'Bo' } } };
    const updated = (await client().request('tasks/update', { taskId, inputResponses })).json();
    expect(at(updated, 'result')).toEqual({ resultType: 'complete' });
    expect(await client().settle(taskId)).toMatchObject({ result: { result: { content: [{ text: 'Hello Bo.' }] } } });
  });

  test('a task is cancelled', async () => {
    const taskId = await create(client(), 'hold');
    const own = lastTask();
    const cancelled = (await client().request('tasks/cancel', { taskId })).json();
    expect(at(cancelled, 'result')).toEqual({ resultType: 'complete' });
    expect(await server.statusOf(own)).toBe('cancelled');
    expect(await client().settle(taskId)).toMatchObject({ result: { taskId, status: 'cancelled' } });
  });

  test('a task is reported on a listen stream, with its result', async () => {
    const taskId = await create(client(), 'hold');
    const { reader, close } = await client().stream('subscriptions/listen', { notifications: { taskIds: [taskId] } });
    expect(await reader.message()).toMatchObject({ params: { notifications: { taskIds: [taskId] } } });
    // The SDK's server reports a task to whoever waits for it.
    server.complete(lastTask(), 'held');
    expect(await reader.message()).toMatchObject({
      method: 'notifications/tasks',
      params: {
        taskId,
        status: 'completed',
        result: { content: [{ text: 'held' }] },
        _meta: { [META.subscription]: 1 },
      },
    });
    close();
  });

  test('tools that are no tasks, or need not be, are what they were', async () => {
    expect(await client().call('plain')).toMatchObject({ result: { content: [{ text: 'plain' }] } });
    expect(await client().call('maybe')).toMatchObject({ result: { content: [{ text: 'maybe worked' }] } });
    expect(await client().call('broken')).toMatchObject({ result: { isError: true } });
    // Nor does a client that knows nothing of tasks hear of any.
    expect(await plainClient(`${gateway.base}/${name}`).call('work')).toMatchObject({
      result: { resultType: 'complete', content: [{ text: 'worked' }] },
    });
  });

  // Attack: somebody else's task, the server's own id, an altered and an invented one; and somebody else's question, answered.
  test.each(['tasks/get', 'tasks/update', 'tasks/cancel'])(
    '%s of a foreign task is refused like of none',
    async (method) => {
      const taskId = await create(client(), 'hold');
      const own = lastTask();
      const inputResponses = { in1: { action: 'accept', content: { name: 'Eve' } } };
      for (const [id, principal] of [
        [taskId, 'bob'],
        [own, 'ann'],
        [`${taskId.slice(0, -4)}AAAA`, 'ann'],
        ['unknown', 'ann'],
      ] as const) {
        const answer = (await client().request(method, { taskId: id, inputResponses }, { principal })).json();
        expect(at(answer, 'error')).toMatchObject({ code: -32_602, message: 'Task not found.' });
      }
      expect(await server.statusOf(own)).toBe('working');
      await client().request('tasks/cancel', { taskId });
    },
  );

  test('tasks/list and tasks/result are no words of the extension', async () => {
    for (const method of ['tasks/list', 'tasks/result']) {
      const answer = await client().request(method, { taskId: 'x' });
      expect([answer.status, at(answer.json(), 'error', 'code')]).toEqual([404, -32_601]);
    }
  });
});

test('without the switch the task is absorbed', async () => {
  const client = taskClient(`${gateway.base}/apart`);
  expect(await client.call('work')).toMatchObject({
    result: { resultType: 'complete', content: [{ text: 'worked' }] },
  });
});

test('nothing is left open', async () => {
  await gateway.close();
  expect(stillOpen(gateway)).toEqual([]);
});
