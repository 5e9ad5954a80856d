/** A client that uses the tasks of 2025-11-25 (SDK v1) on a server that has the extension of 2026-07-28, with `tasks.cross`: every task in the client's form. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolResultSchema,
  ElicitRequestSchema,
  type Task,
  TaskStatusNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningGateway, startGateway, stillOpen } from '../requirements/support/gateway.ts';
import { type ModernTaskServer, startModernTaskServer } from './modern-task-server.ts';

let server: ModernTaskServer;
let gateway: RunningGateway;

beforeAll(async () => {
  server = await startModernTaskServer();
  gateway = await startGateway({
    upstreams: { modern: { url: server.url, tasks: { cross: true } }, apart: { url: server.url } },
    routes: [
      { path: '/mcp', upstreams: ['modern'] },
      { path: '/both', upstreams: ['modern', 'apart'] },
      { path: '/apart', upstreams: ['apart'] },
    ],
  });
});

afterAll(async () => {
  await gateway?.close();
  await server?.[Symbol.asyncDispose]();
});

interface Connected extends AsyncDisposable {
  readonly client: Client;
  readonly statuses: Task[];
}

async function connect(path = '/mcp', principal = 'ann'): Promise<Connected> {
  const client = new Client({ name: 'v1', version: '1' }, { capabilities: { elicitation: {} } });
  const statuses: Task[] = [];
  client.setNotificationHandler(TaskStatusNotificationSchema, ({ params }) => void statuses.push(params));
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => ({
    action: 'accept',
    content: { name: params.message },
  }));
  const requestInit = { headers: { 'x-test-principal': principal } };
  const transport = new StreamableHTTPClientTransport(new URL(`${gateway.base}${path}`), { requestInit });
  // SDK v1 was not compiled with exactOptionalPropertyTypes.
  await client.connect(transport as Transport);
  await client.listTools();
  return {
    client,
    statuses,
    [Symbol.asyncDispose]: async () => {
      await transport.terminateSession();
      await client.close();
    },
  };
}

interface Called {
  readonly types: string[];
  readonly task: Task | undefined;
  readonly last: unknown;
}

/** Calls a tool as a task the way the SDK does it, and gives everything that came. */
async function callAsTask(client: Client, name: string, args: Record<string, unknown> = {}): Promise<Called> {
  const types: string[] = [];
  let task: Task | undefined;
  let last: unknown;
  const call = client.experimental.tasks.callToolStream({ name, arguments: args }, CallToolResultSchema, { task: {} });
  for await (const message of call) {
    if (types.at(-1) !== message.type) types.push(message.type);
    if (message.type === 'taskCreated') task = message.task;
    last = message;
  }
  return { types, task, last };
}

async function create(client: Client, name: string): Promise<string> {
  const call = client.experimental.tasks.callToolStream({ name, arguments: {} }, CallToolResultSchema, { task: {} });
  for await (const message of call) if (message.type === 'taskCreated') return message.task.taskId;
  throw new TypeError('no task');
}

test('tasks are offered in the form of 2025-11-25', async () => {
  await using connected = await connect();
  expect(connected.client.getServerCapabilities()?.tasks).toEqual({
    list: {},
    cancel: {},
    requests: { tools: { call: {} } },
  });
  const { tools } = await connected.client.listTools();
  expect(tools.find(({ name }) => name === 'hold')).toMatchObject({ execution: { taskSupport: 'optional' } });
});

test('a task is made, polled and gives its result', async () => {
  await using connected = await connect();
  const { types, task, last } = await callAsTask(connected.client, 'slow_compute', { seconds: 1 });
  expect(types).toEqual(['taskCreated', 'taskStatus', 'result']);
  expect(task).toMatchObject({ status: 'working', ttl: 600_000, pollInterval: 250 });
  expect(task?.taskId).not.toContain(server.tasks.at(-1));
  expect(last).toMatchObject({
    result: {
      content: [{ text: 'computed' }],
      _meta: { 'io.modelcontextprotocol/related-task': { taskId: task?.taskId } },
    },
  });
  expect(JSON.stringify(last)).not.toContain('resultType');
});

test('a result that the server gave at once is a task that is over', async () => {
  await using connected = await connect();
  const { client } = connected;
  const { types, task, last } = await callAsTask(client, 'greet', { name: 'Ann' });
  expect(types).toEqual(['taskCreated', 'taskStatus', 'result']);
  expect(last).toMatchObject({ result: { content: [{ text: 'Hello, Ann!' }] } });
  const { tasks } = client.experimental;
  expect((await tasks.listTasks()).tasks).toContainEqual(expect.objectContaining({ taskId: task?.taskId }));
  await expect(tasks.cancelTask(task?.taskId ?? '')).rejects.toMatchObject({ code: -32_602 });
});

test('a task asks on the stream of tasks/result, in as many rounds as it takes', async () => {
  await using connected = await connect();
  const { last } = await callAsTask(connected.client, 'ask_twice');
  const answers = { first: named('First?'), second: named('Second?') };
  expect(last).toMatchObject({ type: 'result', result: { content: [{ text: JSON.stringify(answers) }] } });
});

test('what the server asks before there is a task is asked, too', async () => {
  await using connected = await connect();
  const { types, last } = await callAsTask(connected.client, 'test_tool_with_task');
  expect(types[0]).toBe('taskCreated');
  expect(last).toMatchObject({ type: 'result', result: { content: [{ text: 'Hello Your name?' }] } });
});

test('a failed tool fails the task, a failed task its result', async () => {
  await using connected = await connect();
  const { client } = connected;
  const failed = await create(client, 'failing_job');
  await expect.poll(() => client.experimental.tasks.getTask(failed)).toMatchObject({ status: 'failed' });
  expect(await client.experimental.tasks.getTaskResult(failed, CallToolResultSchema)).toMatchObject({
    isError: true,
    content: [{ text: 'It failed.' }],
  });
  const broken = await create(client, 'protocol_error_job');
  await expect(client.experimental.tasks.getTaskResult(broken, CallToolResultSchema)).rejects.toMatchObject({
    code: -32_099,
    message: expect.stringContaining('panic'),
  });
});

test('tasks are listed and cancelled by their public ids', async () => {
  await using connected = await connect();
  const { client } = connected;
  const taskId = await create(client, 'hold');
  const own = server.tasks.at(-1) ?? '';
  const { tasks } = await client.experimental.tasks.listTasks();
  expect(tasks.filter((task) => task.taskId === taskId)).toMatchObject([{ status: 'working' }]);
  expect(JSON.stringify(tasks)).not.toContain(own);
  expect(await client.experimental.tasks.cancelTask(taskId)).toMatchObject({ taskId, status: 'cancelled' });
  expect(server.statusOf(own)).toBe('cancelled');
});

test('a task’s state is reported on the session’s stream', async () => {
  await using connected = await connect();
  const { client, statuses } = connected;
  const taskId = await create(client, 'hold');
  const own = server.tasks.at(-1) ?? '';
  // Nothing is reported before the server was asked to: it takes note of that while the client is being told of its task.
  await expect.poll(() => server.isWatched(own)).toBe(true);
  server.complete(own, { content: [{ type: 'text', text: 'held' }], isError: true });
  await expect.poll(() => statuses.filter((task) => task.taskId === taskId)).toMatchObject([{ status: 'failed' }]);
  expect(JSON.stringify(statuses)).not.toContain('held');
});

test('who stops waiting for the result leaves the task alone', async () => {
  await using connected = await connect();
  const { client } = connected;
  const taskId = await create(client, 'hold');
  const own = server.tasks.at(-1) ?? '';
  const stop = new AbortController();
  const polls = server.seen.length;
  const waiting = client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema, { signal: stop.signal });
  const gone = expect(waiting).rejects.toThrow();
  await expect.poll(() => server.seen.length).toBeGreaterThan(polls);
  stop.abort('changed my mind');
  await gone;
  expect(await client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'working' });
  expect(server.statusOf(own)).toBe('working');
});

test('a plain call is absorbed as before', async () => {
  await using connected = await connect('/apart');
  expect(connected.client.getServerCapabilities()?.tasks).toBeUndefined();
  expect(await connected.client.callTool({ name: 'rogue', arguments: {} })).toMatchObject({
    content: [{ text: 'rogue' }],
  });
  const { tools } = await connected.client.listTools();
  expect(tools.find(({ name }) => name === 'hold')?.execution).toBeUndefined();
});

// Attack: the id of somebody else's task, the server's own, an altered and an invented one: nobody may learn which is which.
test('a foreign task is unknown, whatever is asked of it', async () => {
  await using connected = await connect();
  await using foreign = await connect('/mcp', 'bob');
  const taskId = await create(connected.client, 'hold');
  const own = server.tasks.at(-1) ?? '';
  const done = (await callAsTask(connected.client, 'greet', { name: 'Ann' })).task?.taskId ?? '';
  const { tasks } = foreign.client.experimental;
  for (const id of [taskId, done, own, `${taskId}A`, 'g1.forged']) {
    const refusal = { code: -32_602, message: expect.stringContaining('Task not found.') };
    await expect(tasks.getTask(id)).rejects.toMatchObject(refusal);
    await expect(tasks.cancelTask(id)).rejects.toMatchObject(refusal);
    await expect(tasks.getTaskResult(id, CallToolResultSchema)).rejects.toMatchObject(refusal);
  }
  expect((await tasks.listTasks()).tasks).toEqual([]);
  expect(server.statusOf(own)).toBe('working');
});

// Attack: a route on which the same server is served without the translation, to reach the task past its switch.
test('a task is unknown on a route without the translation', async () => {
  await using connected = await connect();
  await using elsewhere = await connect('/apart');
  const taskId = await create(connected.client, 'hold');
  await expect(elsewhere.client.experimental.tasks.getTask(taskId)).rejects.toMatchObject({ code: -32_601 });
});

test('nothing is left open', async () => {
  await gateway.close();
  expect(stillOpen(gateway)).toEqual([]);
});

function named(name: string): object {
  return { action: 'accept', content: { name } };
}
