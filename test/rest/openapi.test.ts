/** The OpenAPI document is true: a public validator takes it, and a client that a public generator made of it works. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { startGateway } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { installGenerator, runGenerated } from './generated-client.ts';
import { ask, get, post, startDemo } from './support.ts';

async function validate(document: unknown): Promise<unknown> {
  const { valid, errors } = await new Validator().validate(structuredClone(document) as Record<string, unknown>);
  return valid ? true : errors;
}

test('a public validator takes it, in both forms', async () => {
  await using gateway = await startDemo();
  const { json, headers } = await get(`${gateway.base}/openapi.json`);
  expect(headers.get('content-type')).toBe('application/json');
  expect(json).toMatchObject({
    openapi: '3.1.0',
    info: { title: 'Breakwater demo' },
    servers: [{ url: gateway.base }],
  });
  expect(await validate(json)).toBe(true);
  const yaml = await get(`${gateway.base}/openapi.yaml`);
  expect(yaml.headers.get('content-type')).toBe('application/yaml');
  expect(parse(yaml.text)).toEqual(json);
  expect(yaml.text).toMatch(/^\{"openapi"/);
  expect((await get(`${gateway.base}/api/openapi.json`)).json).toEqual(json);
  const moved = await get(`${gateway.base}/api/v1/openapi.json`);
  expect([moved.status, moved.headers.get('location')]).toEqual([302, `${gateway.base}/openapi.json`]);
});

test('every path and method of it is served', async () => {
  await using gateway = await startDemo();
  const { json } = await get(`${gateway.base}/openapi.json`);
  const paths = Object.entries(json['paths'] as Record<string, Record<string, unknown>>);
  expect(paths.length).toBeGreaterThan(30);
  for (const [path, methods] of paths) {
    for (const method of Object.keys(methods).filter((key) => key !== 'parameters')) {
      const url = gateway.base + path.replace('{id}', 'call_x');
      // A body that is no JSON gets as far as the place itself, and no further.
      const init = method === 'post' ? { headers: { 'content-type': 'application/json' }, body: '{' } : {};
      const { status } = await ask(url, { method: method.toUpperCase(), ...init });
      const expected = method === 'post' ? 400 : path.includes('{id}') ? 404 : 200;
      expect(status, `${method} ${path}`).toBe(expected);
    }
  }
});

test('it follows the server', async () => {
  await using gateway = await startDemo();
  const before = await get(`${gateway.base}/openapi.json`);
  await post(`${gateway.base}/api/tools/grow`, {});
  const grown = await expect
    .poll(async () => (await get(`${gateway.base}/openapi.json`)).headers.get('etag'), { timeout: 20_000 })
    .not.toBe(before.headers.get('etag'));
  void grown;
  const after = await get(`${gateway.base}/openapi.json`, { 'if-none-match': before.headers.get('etag') ?? '' });
  expect(after.status).toBe(200);
  expect(await validate(after.json)).toBe(true);
});

test('servers of others: the everything server and a file server behind one route', async () => {
  await using gateway = await startGateway({
    upstreams: {
      everything: {
        command: process.execPath,
        args: ['node_modules/@modelcontextprotocol/server-everything/dist/index.js'],
      },
      files: {
        command: process.execPath,
        args: ['node_modules/@modelcontextprotocol/server-filesystem/dist/index.js', '/tmp'],
      },
    },
    routes: [{ path: '/mcp' }],
  });
  const { json } = await get(`${gateway.base}/openapi.json`);
  expect(await validate(json)).toBe(true);
  expect(at(json, 'paths', '/api/tools/files__list_allowed_directories')).toBeDefined();
  const answer = await post(`${gateway.base}/api/tools/files__list_allowed_directories`, {});
  expect(JSON.stringify(answer.json)).toContain('/tmp');
});

const PROGRAM = `
import createClient from 'openapi-fetch';
import type { components, paths } from './api.ts';

const client = createClient<paths>({ baseUrl: 'BASE' });

const added = await client.POST('/api/tools/add', { body: { a: 2, b: 40 } });
if (added.data === undefined || 'inputRequired' in added.data || 'status' in added.data) throw new Error(JSON.stringify(added.error));
const sum: number | undefined = added.data.structuredContent?.sum;

// @ts-expect-error a text is no number: the server's own schema is in the types
await client.POST('/api/tools/add', { body: { a: 'x', b: 1 } });

const asked = await client.POST('/api/tools/ask', { body: { question: 'Who?' } });
if (asked.data === undefined || !('inputRequired' in asked.data)) throw new Error('not asked');
const question: components['schemas']['InputRequired'] = asked.data;
const [key = ''] = Object.keys(question.inputRequired);
const answered = await client.POST('/api/tools/ask/answers', {
  body: {
    arguments: { question: 'Who?' },
    inputResponses: { [key]: { action: 'accept', content: { name: 'Ada' } } },
    ...(question.requestState === undefined ? {} : { requestState: question.requestState }),
  },
});
if (answered.data === undefined || !('content' in answered.data)) throw new Error('not answered');

const started = await client.POST('/api/tools/slow', { body: { steps: 1, delayMs: 1 }, params: { header: { Prefer: 'respond-async' } } });
if (started.data === undefined || !('status' in started.data)) throw new Error('not started');
const id: string = started.data.id;
let state = await client.GET('/api/calls/{id}', { params: { path: { id } } });
for (let tries = 0; state.data?.status === 'running' && tries < 500; tries++) {
  await new Promise((resolve) => setTimeout(resolve, 20));
  state = await client.GET('/api/calls/{id}', { params: { path: { id } } });
}

const wrong = await client.GET('/api/calls/{id}', { params: { path: { id: 'call_x' } } });
const read = await client.GET('/api/resources', { params: { query: { uri: 'demo://readme' } } });
const prompt = await client.POST('/api/prompts/greet', { body: { name: 'Ada' } });
console.log(JSON.stringify({
  sum,
  hello: answered.data.content[0]?.text,
  state: state.data?.status,
  wrong: wrong.error?.code,
  read: read.data !== undefined && 'contents' in read.data && read.data.contents.length,
  prompt: prompt.data !== undefined && 'messages' in prompt.data && prompt.data.messages.length,
}));
`;

test('a generated client type-checks against it and works', { timeout: 300_000 }, async () => {
  const folder = await installGenerator();
  await using gateway = await startDemo();
  const { text } = await get(`${gateway.base}/openapi.json`);
  const output = await runGenerated(folder, `demo-${process.pid}`, text, PROGRAM.replace('BASE', gateway.base));
  expect(JSON.parse(output)).toEqual({
    sum: 42,
    hello: 'Hello Ada.',
    state: 'done',
    wrong: 'call.unknown',
    read: 1,
    prompt: 1,
  });
});
