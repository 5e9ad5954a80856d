/** Tasks of 2026-07-28 between a client and a server that both have the extension: through the gateway as without it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { META } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { arrayAt, at, textAt } from '../requirements/support/json.ts';
import { type ModernClient, plainClient, TASKS, taskClient } from './modern-client.ts';
import { type ModernTaskServer, startModernTaskServer } from './modern-task-server.ts';

let one: ModernTaskServer;
let two: ModernTaskServer;
let gateway: RunningGateway;
let client: ModernClient;

beforeAll(async () => {
  [one, two] = await Promise.all([startModernTaskServer(), startModernTaskServer()]);
  gateway = await startGateway({
    upstreams: { one: { url: one.url }, two: { url: two.url }, plain: { url: one.url, prefix: 'p' } },
    routes: [
      { path: '/mcp', upstreams: ['one', 'two'] },
      { path: '/one', upstreams: ['one'] },
    ],
  });
  client = taskClient(gateway.url);
});

afterAll(async () => {
  await gateway?.close();
  await one?.[Symbol.asyncDispose]();
  await two?.[Symbol.asyncDispose]();
});

async function create(tool: string, principal?: string): Promise<string> {
  const created = await client.call(tool, {}, principal === undefined ? {} : { principal });
  expect(created).toMatchObject({ result: { resultType: 'task', status: 'working', ttlMs: 600_000 } });
  return textAt(created, 'result', 'taskId');
}

function lastTask(server: ModernTaskServer): string {
  return server.tasks.at(-1) ?? '';
}

describe('a task', () => {
  test('is made, polled, answered and finished under one public id that names its upstream', async () => {
    const taskId = await create('two__confirm_delete');
    const own = lastTask(two);
    expect(taskId).not.toContain(own);
    await expect.poll(() => two.statusOf(own)).toBe('input_required');
    const asked = (await client.request('tasks/get', { taskId })).json();
    expect(asked).toMatchObject({
      result: { resultType: 'complete', taskId, inputRequests: { confirm: { method: 'elicitation/create' } } },
    });
    const inputResponses = { confirm: { action: 'accept', content: { confirm: true } } };
    const updated = (await client.request('tasks/update', { taskId, inputResponses })).json();
    expect(at(updated, 'result')).toEqual({ resultType: 'complete' });
    expect(await client.settle(taskId)).toMatchObject({
      result: { taskId, status: 'completed', result: { content: [{ text: JSON.stringify(inputResponses) }] } },
    });
    // Every request reached the server under its own id, also in the header.
    const reached = two.seen.filter(({ method }) => method.startsWith('tasks/'));
    expect(new Set(reached.map(({ name }) => name))).toEqual(new Set([own]));
    expect(one.tasks).toEqual([]);
  });

  test('has the same public id for ever, and another one for each upstream', async () => {
    const first = await create('one__hold');
    const second = await create('two__hold');
    expect(first).not.toBe(second);
    for (const taskId of [first, second]) {
      for (let times = 0; times < 2; times++) {
        const task = (await client.request('tasks/get', { taskId })).json();
        expect(task).toMatchObject({ result: { taskId, status: 'working' } });
      }
    }
    expect((await client.request('tasks/cancel', { taskId: second })).json()).toMatchObject({
      result: { resultType: 'complete' },
    });
    expect([one.statusOf(lastTask(one)), two.statusOf(lastTask(two))]).toEqual(['working', 'cancelled']);
  });

  test('is reported on a listen stream to whoever asks for it by its public id', async () => {
    const taskId = await create('one__hold');
    const listening = await client.stream('subscriptions/listen', {
      notifications: { taskIds: [taskId, 'nobody-knows-this-one'] },
    });
    const { reader } = listening;
    expect(await reader.message()).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications: { taskIds: [taskId] } },
    });
    one.complete(lastTask(one), { content: [{ type: 'text', text: 'held' }] });
    expect(await reader.message()).toMatchObject({
      method: 'notifications/tasks',
      params: {
        taskId,
        status: 'completed',
        result: { content: [{ text: 'held' }] },
        _meta: { [META.subscription]: 1 },
      },
    });
    listening.close();
    await expect.poll(() => gateway.breakwater.counters().open['subscription']).toBe(0);
  });

  test('keeps what the gateway does not know of it', async () => {
    const taskId = await create('one__hold');
    one.fail(lastTask(one), { code: -32_050, message: 'boom', data: { big: 1, text: 'ü' } });
    expect((await client.request('tasks/get', { taskId })).json()).toMatchObject({
      result: { status: 'failed', error: { code: -32_050, message: 'boom', data: { big: 1, text: 'ü' } } },
    });
  });
});

describe('is refused', () => {
  // Attack: an id that was read in somebody's log or guessed from its form. A foreign one must not differ from one that never was.
  test.each(['tasks/get', 'tasks/update', 'tasks/cancel'])('%s with an id that is not the own', async (method) => {
    const taskId = await create('one__hold', 'ann');
    const own = lastTask(one);
    const before = one.seen.length;
    const altered = `${taskId.slice(0, -4)}AAAA`;
    const answers = await Promise.all([
      client.request(method, { taskId, inputResponses: {} }, { principal: 'bob' }),
      client.request(method, { taskId: own, inputResponses: {} }),
      client.request(method, { taskId: altered, inputResponses: {} }),
      client.request(method, { taskId: 'g1.AAAA', inputResponses: {} }),
      client.request(method, { taskId: 'unknown', inputResponses: {} }),
    ]);
    const errors = answers.map((answer) => at(answer.json(), 'error'));
    for (const error of errors) expect(error).toMatchObject({ code: -32_602, message: 'Task not found.' });
    expect(one.seen.slice(before).filter((seen) => seen.method.startsWith('tasks/'))).toEqual([]);
    expect(one.statusOf(own)).toBe('working');
  });

  // Attack: a route that the task's upstream does not serve, to reach it past the route's rules.
  test('tasks/get on a route without the upstream', async () => {
    const taskId = await create('two__hold');
    const elsewhere = taskClient(`${gateway.base}/one`);
    expect((await elsewhere.request('tasks/get', { taskId })).json()).toMatchObject({ error: { code: -32_602 } });
  });

  // Attack: a listen stream as an oracle for, or a window on, somebody else's task.
  test('a listen for a foreign task', async () => {
    const taskId = await create('one__hold', 'ann');
    const listening = await client.stream(
      'subscriptions/listen',
      { notifications: { taskIds: [taskId] } },
      { principal: 'bob' },
    );
    const acknowledged = await listening.reader.message();
    expect(at(acknowledged, 'params', 'notifications')).toEqual({});
    listening.close();
  });

  test('a client that did not declare the extension', async () => {
    const taskId = await create('one__hold');
    const answer = await plainClient(gateway.url).request('tasks/get', { taskId });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({
      error: { code: -32_021, data: { requiredCapabilities: { extensions: { [TASKS]: {} } } } },
    });
  });

  test.each(['tasks/list', 'tasks/result'])('%s, which the extension does not have', async (method) => {
    const answer = await client.request(method, { taskId: 'x' }, { meta: {} });
    expect(answer.status).toBe(404);
    expect(answer.json()).toMatchObject({ error: { code: -32_601 } });
  });
});

test('the extension is advertised because both sides can use it', async () => {
  const discovered = (await client.request('server/discover')).json();
  expect(at(discovered, 'result', 'capabilities', 'extensions')).toEqual({ [TASKS]: {} });
  expect(at(discovered, 'result', 'capabilities', 'tasks')).toBeUndefined();
  const tools = (await client.request('tools/list')).json();
  expect(arrayAt(tools, 'result', 'tools').map((tool) => at(tool, 'name'))).toContain('one__hold');
});
