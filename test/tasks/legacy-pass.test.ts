/** Tasks of 2025-11-25 between a client and a server of that revision (both SDK v1): through the gateway as without it. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolResultSchema,
  ElicitRequestSchema,
  type Task,
  TaskStatusNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Served, serveV1 } from '../questions/askers/serve-v1.ts';
import { openSession } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at, textAt } from '../requirements/support/json.ts';
import { post } from '../requirements/support/wire.ts';
import { type LegacyTaskServer, makeLegacyTaskServer } from './legacy-task-server.ts';

let inside: LegacyTaskServer;
let remote: LegacyTaskServer;
let served: Served;
/** Its servers know of no tasks but their own. */
let solo: Served;
const alone: LegacyTaskServer[] = [];
let gateway: RunningGateway;

beforeAll(async () => {
  inside = makeLegacyTaskServer();
  remote = makeLegacyTaskServer();
  served = await serveV1(remote.create, { sessions: true });
  const createAlone = (): McpServer => {
    const one = makeLegacyTaskServer();
    alone.push(one);
    return one.create();
  };
  solo = await serveV1(createAlone, { sessions: true });
  gateway = await startGateway({
    upstreams: {
      in: { factory: inside.create },
      shared: { factory: inside.create, isolation: 'shared' },
      out: { url: served.url },
      single: { url: solo.url, isolation: 'request' },
    },
    routes: [
      { path: '/mcp', upstreams: ['in', 'shared', 'out'] },
      { path: '/single', upstreams: ['single'] },
      { path: '/in', upstreams: ['in'] },
      { path: '/out', upstreams: ['out'] },
    ],
  });
});

afterAll(async () => {
  await gateway?.close();
  await served?.close();
  await solo?.close();
  inside?.close();
  remote?.close();
  for (const one of alone) one.close();
});

interface Connected extends AsyncDisposable {
  readonly client: Client;
  readonly statuses: Task[];
}

async function connect(path = '/mcp', principal = 'ann'): Promise<Connected> {
  const client = new Client({ name: 'v1', version: '1' }, { capabilities: { elicitation: {} } });
  const statuses: Task[] = [];
  client.setNotificationHandler(TaskStatusNotificationSchema, ({ params }) => void statuses.push(params));
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ann' } }));
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

/** Calls a tool as a task the way the SDK does it, and gives everything that came. */
async function callAsTask(client: Client, name: string): Promise<{ types: string[]; taskId: string; last: unknown }> {
  const types: string[] = [];
  let taskId = '';
  let last: unknown;
  const call = client.experimental.tasks.callToolStream({ name, arguments: {} }, CallToolResultSchema, { task: {} });
  for await (const message of call) {
    if (types.at(-1) !== message.type) types.push(message.type);
    if (message.type === 'taskCreated') taskId = message.task.taskId;
    last = message;
  }
  return { types, taskId, last };
}

/** Makes a task and does not wait for it. */
async function create(client: Client, name: string): Promise<string> {
  const call = client.experimental.tasks.callToolStream({ name, arguments: {} }, CallToolResultSchema, { task: {} });
  for await (const message of call) {
    if (message.type === 'taskCreated') return message.task.taskId;
  }
  throw new TypeError('no task');
}

describe.each(['in', 'out'])('on upstream %s', (prefix) => {
  const server = (): LegacyTaskServer => (prefix === 'out' ? remote : inside);

  test('a task is made, polled and gives its result', async () => {
    await using connected = await connect();
    const { types, taskId, last } = await callAsTask(connected.client, `${prefix}__work`);
    expect(types).toEqual(['taskCreated', 'taskStatus', 'result']);
    expect(taskId).not.toContain(server().tasks.at(-1));
    expect(last).toMatchObject({
      result: {
        content: [{ text: 'worked' }],
        _meta: { 'io.modelcontextprotocol/related-task': { taskId } },
      },
    });
  });

  test('a task asks on the stream of tasks/result', async () => {
    await using connected = await connect();
    const { last } = await callAsTask(connected.client, `${prefix}__ask`);
    expect(last).toMatchObject({ type: 'result', result: { content: [{ text: 'Hello Ann.' }] } });
  });

  test('tasks are listed and cancelled by their public ids', async () => {
    await using connected = await connect();
    const { client } = connected;
    const taskId = await create(client, `${prefix}__hold`);
    const own = server().tasks.at(-1) ?? '';
    const { tasks } = await client.experimental.tasks.listTasks();
    expect(tasks.filter((task) => task.taskId === taskId)).toMatchObject([{ status: 'working' }]);
    expect(tasks.map((task) => task.taskId)).not.toContain(own);
    expect(await client.experimental.tasks.cancelTask(taskId)).toMatchObject({ taskId, status: 'cancelled' });
    expect(await server().statusOf(own)).toBe('cancelled');
  });

  test('a task’s state is reported on the session’s stream', async () => {
    await using connected = await connect();
    const { client, statuses } = connected;
    const taskId = await create(client, `${prefix}__hold`);
    const result = client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    server().complete(server().tasks.at(-1) ?? '', 'held');
    expect(await result).toMatchObject({ content: [{ text: 'held' }] });
    await expect.poll(() => statuses.filter((task) => task.taskId === taskId)).toMatchObject([{ status: 'completed' }]);
  });
});

describe.each(['in', 'out'])('on upstream %s', (prefix) => {
  const server = (): LegacyTaskServer => (prefix === 'out' ? remote : inside);

  // Attack: of two tasks that ask at the same moment, the one's question is answered in the other's place.
  test('each task asks on the stream of its own tasks/result', async () => {
    const capabilities = { elicitation: {} };
    const session = await openSession(gateway.url, { capabilities, headers: { 'x-test-principal': 'ann' } });
    const params = { name: `${prefix}__ask`, arguments: {}, task: {} };
    const taskIds: string[] = [];
    for (let i = 0; i < 2; i++) {
      const created = (await session.request('tools/call', params)).messages().at(-1);
      taskIds.push(textAt(created, 'result', 'task', 'taskId'));
    }
    const streams = await Promise.all(taskIds.map((taskId, i) => session.stream('tasks/result', { taskId }, i + 10)));
    for (const [i, { reader }] of streams.entries()) {
      const question = await reader.message();
      expect(question).toMatchObject({
        method: 'elicitation/create',
        params: { _meta: { 'io.modelcontextprotocol/related-task': { taskId: taskIds[i] } } },
      });
      const result = { action: 'accept', content: { name: `No. ${i}` } };
      await post(session.url, { jsonrpc: '2.0', id: at(question, 'id'), result }, session.headers);
      expect(await reader.message()).toMatchObject({ id: i + 10, result: { content: [{ text: `Hello No. ${i}.` }] } });
    }
    await session.end();
  });

  test('progress after the task was made is told under the client’s own token', async () => {
    await using connected = await connect();
    const seen: number[] = [];
    const call = connected.client.experimental.tasks.callToolStream(
      { name: `${prefix}__steps`, arguments: {} },
      CallToolResultSchema,
      { task: {}, onprogress: ({ progress }) => void seen.push(progress) },
    );
    for await (const message of call) {
      const own = server().tasks.at(-1) ?? '';
      if (message.type === 'taskCreated') server().complete(own, 'go on');
      if (message.type === 'taskStatus' && seen.at(-1) === 3) server().complete(own, 'arrived');
      if (message.type === 'result') expect(message.result).toMatchObject({ content: [{ text: 'arrived' }] });
    }
    expect(seen).toEqual([1, 2, 3]);
  });
});

describe('with a handle for each request', () => {
  test('a task is polled, asks and gives its result on the handle it was made on', async () => {
    await using connected = await connect('/single');
    const { last } = await callAsTask(connected.client, 'ask');
    expect(last).toMatchObject({ type: 'result', result: { content: [{ text: 'Hello Ann.' }] } });
    const taskId = await create(connected.client, 'hold');
    const { tasks } = connected.client.experimental;
    expect((await tasks.listTasks()).tasks).toMatchObject([{ taskId, status: 'working' }]);
    expect(await tasks.cancelTask(taskId)).toMatchObject({ taskId, status: 'cancelled' });
  });
});

describe.each(['in', 'out', 'shared'])('on upstream %s', (prefix) => {
  const server = (): LegacyTaskServer => (prefix === 'out' ? remote : inside);

  // Attack: the servers tell tasks apart by nothing but their ids, and one of them is shared by everybody.
  test('a foreign task is unknown, whatever is asked of it', async () => {
    await using connected = await connect();
    await using foreign = await connect('/mcp', 'bob');
    const taskId = await create(connected.client, `${prefix}__hold`);
    const own = server().tasks.at(-1) ?? '';
    const { tasks } = foreign.client.experimental;
    for (const id of [taskId, own, `${taskId}A`, 'g1.forged']) {
      const refusal = { code: -32_602, message: expect.stringContaining('Task not found.') };
      await expect(tasks.getTask(id)).rejects.toMatchObject(refusal);
      await expect(tasks.cancelTask(id)).rejects.toMatchObject(refusal);
      await expect(tasks.getTaskResult(id, CallToolResultSchema)).rejects.toMatchObject(refusal);
    }
    expect((await tasks.listTasks()).tasks).toEqual([]);
    expect(await server().statusOf(own)).toBe('working');
    // Nor does the server's own id open anything to its owner: what can be guessed must not work.
    await expect(connected.client.experimental.tasks.getTask(own)).rejects.toMatchObject({ code: -32_602 });
    await connected.client.experimental.tasks.cancelTask(taskId);
  });
});

test('tasks of several upstreams are one list', async () => {
  await using connected = await connect();
  const { client } = connected;
  const made = [await create(client, 'in__hold'), await create(client, 'out__hold')];
  const { tasks } = await client.experimental.tasks.listTasks();
  const ids = tasks.map(({ taskId }) => taskId);
  for (const taskId of made) expect(ids.filter((id) => id === taskId)).toHaveLength(1);
  for (const taskId of made) await client.experimental.tasks.cancelTask(taskId);
});

test('capabilities are those of the server', async () => {
  await using connected = await connect('/in');
  expect(connected.client.getServerCapabilities()?.tasks).toEqual({
    list: {},
    cancel: {},
    requests: { tools: { call: {} } },
  });
  const { tools } = await connected.client.listTools();
  expect(tools.find(({ name }) => name === 'work')).toMatchObject({ execution: { taskSupport: 'required' } });
});

test('nothing is left open', async () => {
  await gateway.close();
  expect(gateway.breakwater.counters().open).toMatchObject({ stream: 0, subscription: 0, handle: 0 });
});
