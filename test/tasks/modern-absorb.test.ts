/** Clients that know nothing of tasks, on a 2026-07-28 server that insists on them: a call like any other. */
import {
  Client as ModernSdkClient,
  StreamableHTTPClientTransport as ModernSdkTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { modernMessage, openSession } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at, textAt } from '../requirements/support/json.ts';
import { ACCEPT_BOTH, open } from '../requirements/support/wire.ts';
import { plainClient, TASKS } from './modern-client.ts';
import { type ModernTaskServer, startModernTaskServer } from './modern-task-server.ts';

let server: ModernTaskServer;
let gateway: RunningGateway;

beforeAll(async () => {
  server = await startModernTaskServer();
  gateway = await startGateway({ upstreams: { it: { url: server.url } }, routes: [{ path: '/mcp' }] });
});

afterAll(async () => {
  await gateway?.close();
  await server?.[Symbol.asyncDispose]();
});

/** Starts something that makes a task, and waits for the task. */
async function withTask<T>(start: () => Promise<T>): Promise<{ readonly answer: Promise<T>; readonly taskId: string }> {
  const before = server.tasks.length;
  const answer = start();
  // Whoever awaits it hears of it; until then it is nobody's fault.
  answer.catch(() => undefined);
  await expect.poll(() => server.tasks.length).toBe(before + 1);
  return { answer, taskId: server.tasks.at(-1) ?? '' };
}

function held(text: string): { content: { type: string; text: string }[] } {
  return { content: [{ type: 'text', text }] };
}

/** An SDK v1 client that answers what it is asked. */
async function connectV1(
  answers: { readonly elicit?: readonly object[]; readonly capabilities?: object } = {},
): Promise<Client> {
  const { elicit = [], capabilities = { elicitation: {}, sampling: {} } } = answers;
  const client = new Client({ name: 'v1', version: '1' }, { capabilities });
  const left = [...elicit];
  if ('elicitation' in capabilities) {
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { ...left.shift() } }));
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
      model: 'm',
      role: 'assistant',
      content: { type: 'text', text: 'sampled' },
    }));
  }
  // SDK v1 was not compiled with exactOptionalPropertyTypes.
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url)) as Transport);
  return client;
}

describe('a client of 2025-11-25 (SDK v1)', () => {
  test('gets the result of a task it never hears of', async () => {
    const client = await connectV1();
    expect(client.getServerCapabilities()?.tasks).toBeUndefined();
    const { answer, taskId } = await withTask(() => client.callTool({ name: 'hold', arguments: {} }));
    server.complete(taskId, held('at last'));
    expect(await answer).toEqual(held('at last'));
    await client.close();
  });

  test('is asked what the task asks, in as many rounds as it takes', async () => {
    const client = await connectV1({ elicit: [{ name: 'one' }, { name: 'two' }] });
    const result = await client.callTool({ name: 'ask_twice', arguments: {} });
    expect(JSON.parse(textAt(result, 'content', 0, 'text'))).toMatchObject({
      first: { action: 'accept', content: { name: 'one' } },
      second: { action: 'accept', content: { name: 'two' } },
    });
    await client.close();
  });

  test('is asked for a sample', async () => {
    const client = await connectV1();
    const result = await client.callTool({ name: 'sample_job', arguments: {} });
    expect(textAt(result, 'content', 0, 'text')).toContain('sampled');
    await client.close();
  });

  test('is asked before there is a task, too', async () => {
    const client = await connectV1({ elicit: [{ name: 'Ann' }] });
    expect(await client.callTool({ name: 'test_tool_with_task', arguments: {} })).toMatchObject(held('Hello Ann'));
    await client.close();
  });

  test('gets the error of a task that failed, and the result of one whose tool did', async () => {
    const client = await connectV1();
    expect(await client.callTool({ name: 'failing_job', arguments: {} })).toMatchObject({ isError: true });
    const { answer, taskId } = await withTask(() => client.callTool({ name: 'hold', arguments: {} }));
    server.fail(taskId, { code: -32_050, message: 'boom' });
    await expect(answer).rejects.toMatchObject({ code: -32_050 });
    await client.close();
  });

  test('without the capability to be asked is told so, and the task is cancelled', async () => {
    const client = await connectV1({ capabilities: {} });
    const { answer, taskId } = await withTask(() => client.callTool({ name: 'ask_twice', arguments: {} }));
    expect(await answer).toMatchObject({ isError: true });
    expect(textAt(await answer, 'content', 0, 'text')).toContain('This client does not support it.');
    await expect.poll(() => server.statusOf(taskId)).toBe('cancelled');
    await client.close();
  });

  test('cancels the task by cancelling its call', async () => {
    const client = await connectV1();
    const stop = new AbortController();
    const { signal } = stop;
    const { answer, taskId } = await withTask(() => client.callTool({ name: 'hold' }, undefined, { signal }));
    stop.abort('enough');
    await expect(answer).rejects.toThrow();
    await expect.poll(() => server.statusOf(taskId)).toBe('cancelled');
    await client.close();
  });
});

test.each(['2025-03-26', '2025-06-18'])('a client of %s gets the result in its own form', async (revision) => {
  const session = await openSession(gateway.url, { revision });
  const answer = await session.request('tools/call', { name: 'failing_job', arguments: {} });
  expect(at(answer.messages().at(-1), 'result')).toEqual({ ...held('It failed.'), isError: true });
  await session.end();
});

describe('a client of 2026-07-28 without the extension', () => {
  test('gets a complete result', async () => {
    const { answer, taskId } = await withTask(() => plainClient(gateway.url).call('hold'));
    server.complete(taskId, held('done'));
    expect(await answer).toMatchObject({ id: 1, result: { resultType: 'complete', ...held('done') } });
    const last = server.seen.filter(({ method }) => method === 'tools/call').slice(-2);
    // The extension is declared only where the server insists on it.
    expect(last.map(({ declared }) => declared)).toEqual([false, true]);
  });

  test('is sent away with the task’s questions, all at once, and comes back to the same task', async () => {
    const client = plainClient(gateway.url);
    const before = server.tasks.length;
    const asked = await client.call('ask_twice');
    expect(asked).toMatchObject({ result: { resultType: 'input_required', inputRequests: { in1: {} } } });
    const first = { in1: { action: 'accept', content: { name: 'one' } } };
    const again = await client.call('ask_twice', { inputResponses: first, requestState: stateOf(asked) });
    expect(again).toMatchObject({ result: { resultType: 'input_required', inputRequests: { in2: {} } } });
    const second = { in2: { action: 'decline' } };
    const last = await client.call('ask_twice', { inputResponses: second, requestState: stateOf(again) });
    expect(JSON.parse(textAt(last, 'result', 'content', 0, 'text'))).toEqual({ first: first.in1, second: second.in2 });
    expect(server.tasks.length).toBe(before + 1);
  });

  // Attack: the state of somebody else's question, sent with the own answer.
  test('cannot answer for somebody else', async () => {
    const client = plainClient(gateway.url);
    const asked = await client.call('ask_twice', {}, { principal: 'ann' });
    const requestState = stateOf(asked);
    const inputResponses = { in1: { action: 'accept', content: { name: 'eve' } } };
    const stolen = await client.call('ask_twice', { inputResponses, requestState }, { principal: 'eve' });
    expect(stolen).toMatchObject({ error: { code: -32_602 } });
    expect(server.statusOf(server.tasks.at(-1) ?? '')).toBe('input_required');
  });

  test('cancels the task by closing its request', async () => {
    const { body, headers } = modernMessage('tools/call', { name: 'hold', arguments: {} });
    const json = { 'content-type': 'application/json', accept: ACCEPT_BOTH };
    const { sent, response } = open('POST', gateway.url, { ...json, ...headers }, body);
    const { taskId } = await withTask(() => response);
    sent.destroy();
    await expect.poll(() => server.statusOf(taskId)).toBe('cancelled');
  });

  test('gets the result also where a poll fails', async () => {
    const { answer, taskId } = await withTask(() => plainClient(gateway.url).call('hold'));
    server.breakNextPoll();
    const seen = server.seen.length;
    await expect.poll(() => server.seen.slice(seen).some(({ method }) => method === 'tasks/get')).toBe(true);
    server.complete(taskId, held('all the same'));
    expect(await answer).toMatchObject({ result: held('all the same') });
  });

  test('gets the result of a server that makes a task for a client that never said it knows them', async () => {
    expect(await plainClient(gateway.url).call('rogue')).toMatchObject({ result: held('rogue') });
  });
});

test('an SDK v2 client of 2026-07-28 answers a task’s questions without knowing of it', async () => {
  const client = new ModernSdkClient(
    { name: 'v2', version: '1' },
    { versionNegotiation: { mode: 'auto' }, capabilities: { elicitation: { form: {} } } },
  );
  const names = ['one', 'two'];
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: names.shift() ?? '' } }));
  await client.connect(new ModernSdkTransport(new URL(gateway.url)));
  const result = await client.callTool({ name: 'ask_twice', arguments: {} });
  expect(JSON.parse(textAt(result, 'content', 0, 'text'))).toMatchObject({
    first: { content: { name: 'one' } },
    second: { content: { name: 'two' } },
  });
  await client.close();
});

test('a client that did not ask for tasks is told of the server’s extension, and no other one is declared for it', async () => {
  const client = plainClient(gateway.url);
  expect(at((await client.request('server/discover')).json(), 'result', 'capabilities', 'extensions')).toHaveProperty([
    TASKS,
  ]);
  await client.call('greet', { arguments: { name: 'Bob' } });
  expect(server.seen.at(-1)).toMatchObject({ method: 'tools/call', declared: false });
});

test('nothing is left open', async () => {
  await gateway.close();
  expect(gateway.breakwater.counters().open).toMatchObject({ stream: 0, subscription: 0, handle: 0 });
});

function stateOf(answer: unknown): string {
  return textAt(answer, 'result', 'requestState');
}
