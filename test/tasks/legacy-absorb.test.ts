/** Clients that know nothing of tasks, on a 2025-11-25 server (SDK v1) with tools that run only as one: a call like any other. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Served, serveV1 } from '../questions/askers/serve-v1.ts';
import { modernMessage, openSession } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { arrayAt, at, textAt } from '../requirements/support/json.ts';
import { ACCEPT_BOTH, open, post } from '../requirements/support/wire.ts';
import { type LegacyTaskServer, makeLegacyTaskServer } from './legacy-task-server.ts';
import { plainClient, taskClient } from './modern-client.ts';

let server: LegacyTaskServer;
let served: Served;
let gateway: RunningGateway;

beforeAll(async () => {
  server = makeLegacyTaskServer();
  served = await serveV1(server.create, { sessions: true });
  gateway = await startGateway({
    upstreams: { in: { factory: server.create }, out: { url: served.url } },
    routes: [
      { path: '/in', upstreams: ['in'] },
      { path: '/out', upstreams: ['out'] },
    ],
  });
});

afterAll(async () => {
  await gateway?.close();
  await served?.close();
  server?.close();
});

describe.each(['in', 'out'])('on upstream %s', (upstream) => {
  const url = (): string => `${gateway.base}/${upstream}`;

  // First, before anybody has read the list: the server's refusal is all there is to go by.
  test('a tool that nobody listed yet is run as a task all the same', async () => {
    expect(await plainClient(url()).call('work', {}, { principal: 'early' })).toMatchObject({
      result: { resultType: 'complete', content: [{ text: 'worked' }] },
    });
  });

  test('the tool is listed without a word of tasks', async () => {
    const listed = (await plainClient(url()).request('tools/list')).json();
    const tools = arrayAt(listed, 'result', 'tools');
    const work = tools.find((tool) => at(tool, 'name') === 'work');
    expect(work).toMatchObject({ description: 'work as a task.' });
    expect(at(work, 'execution')).toBeUndefined();
    const discovered = (await plainClient(url()).request('server/discover')).json();
    expect(at(discovered, 'result', 'capabilities', 'tasks')).toBeUndefined();
    expect(at(discovered, 'result', 'capabilities', 'extensions')).toBeUndefined();
  });

  test.each([plainClient, taskClient])('a modern client gets its result (%o)', async (connect) => {
    const answer = await connect(url()).call('work');
    expect(answer).toMatchObject({ result: { resultType: 'complete', content: [{ text: 'worked' }] } });
    expect(textAt(answer, 'result', 'content', 0, 'text')).toBe('worked');
    expect(JSON.stringify(answer)).not.toContain('related-task');
  });

  test('a modern client gets the failure of a task as that of a tool', async () => {
    expect(await plainClient(url()).call('fails')).toMatchObject({
      result: { resultType: 'complete', isError: true, content: [{ text: 'It failed.' }] },
    });
  });

  test('a modern client is sent away with the question and comes back to the same task', async () => {
    const client = plainClient(url());
    const before = server.tasks.length;
    const asked = await client.call('ask');
    expect(asked).toMatchObject({ result: { resultType: 'input_required' } });
    const requestState = textAt(asked, 'result', 'requestState');
    const [key] = Object.keys(at(asked, 'result', 'inputRequests') as object);
    const inputResponses = { [key ?? '']: { action: 'accept', content: { name: 'Bob' } } };
    const answer = await client.call('ask', { inputResponses, requestState });
    expect(answer).toMatchObject({ result: { content: [{ text: 'Hello Bob.' }] } });
    expect(server.tasks.length).toBe(before + 1);
  });

  test('a modern client that closes its request cancels the task', async () => {
    const before = server.tasks.length;
    const { body, headers } = modernMessage('tools/call', { name: 'hold', arguments: {} });
    const json = { 'content-type': 'application/json', accept: ACCEPT_BOTH };
    const { sent } = open('POST', url(), { ...json, ...headers }, body);
    await expect.poll(() => server.tasks.length).toBe(before + 1);
    sent.destroy();
    await expect.poll(() => server.statusOf(server.tasks[before] ?? '')).toBe('cancelled');
  });

  test.each(['2025-03-26', '2025-06-18', '2025-11-25'])(
    'a client of %s that only calls gets its result',
    async (revision) => {
      const session = await openSession(url(), { revision });
      const answer = await session.request('tools/call', { name: 'work', arguments: {} });
      expect(answer.messages().at(-1)).toMatchObject({ result: { content: [{ text: 'worked' }] } });
      await session.end();
    },
  );

  test('a client of 2025-06-18 is asked on the stream of its call', async () => {
    const session = await openSession(url(), { revision: '2025-06-18', capabilities: { elicitation: {} } });
    const { reader } = await session.stream('tools/call', { name: 'ask', arguments: {} });
    const question = await reader.message();
    expect(question).toMatchObject({ method: 'elicitation/create', params: { message: 'What is your name?' } });
    expect(JSON.stringify(question)).not.toContain('related-task');
    const result = { action: 'accept', content: { name: 'Cy' } };
    await post(url(), { jsonrpc: '2.0', id: at(question, 'id'), result }, session.headers);
    expect(await reader.message()).toMatchObject({ result: { content: [{ text: 'Hello Cy.' }] } });
    await session.end();
  });

  test('a cancelled call cancels the task', async () => {
    const session = await openSession(url(), { revision: '2025-06-18' });
    const before = server.tasks.length;
    const answer = session.request('tools/call', { name: 'hold', arguments: {} }, 'h');
    await expect.poll(() => server.tasks.length).toBe(before + 1);
    await session.notify('notifications/cancelled', { requestId: 'h' });
    await expect.poll(() => server.statusOf(server.tasks[before] ?? '')).toBe('cancelled');
    await answer;
    await session.end();
  });

  test('tools that are no tasks are what they were', async () => {
    const client = plainClient(url());
    expect(await client.call('plain')).toMatchObject({ result: { content: [{ text: 'plain' }] } });
    expect(await client.call('broken')).toMatchObject({
      result: { isError: true, content: [{ text: 'It is broken.' }] },
    });
    expect(await client.call('maybe')).toMatchObject({ result: { content: [{ text: 'maybe worked' }] } });
    expect(await client.call('nothing')).toMatchObject({ result: { isError: true } });
  });
});

test('nothing is left open', async () => {
  await gateway.close();
  expect(gateway.breakwater.counters().open).toMatchObject({ stream: 0, subscription: 0, handle: 0 });
});
