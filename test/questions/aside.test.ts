/** Questions that an old server asks outside of any request (eras.md §2.6, §2.13): for the one legacy session its handle belongs to, and for nobody else. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LegacySession, openSession } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway, stillOpen } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { post, type WireStream } from '../requirements/support/wire.ts';
import { type LateAsker, makeLateAsker } from './askers/late-asker.ts';
import { type Served, serveV1 } from './askers/serve-v1.ts';
import { ASKABLE, call } from './modern-caller.ts';

let asker: LateAsker;
let served: Served;
let gateway: RunningGateway;

beforeAll(async () => {
  asker = makeLateAsker();
  served = await serveV1(asker.create, { sessions: true });
  gateway = await startGateway(
    {
      upstreams: {
        pipe: { factory: asker.create },
        http: { url: served.url },
        chats: { factory: asker.create, isolation: 'session' },
        shared: { factory: asker.create, isolation: 'shared' },
        'shared-http': { url: served.url, isolation: 'shared' },
      },
      routes: ['pipe', 'http', 'chats', 'shared', 'shared-http'].map((name) => ({
        path: `/${name}`,
        upstreams: [name],
      })),
    },
    // `public-…` are the strangers of an open route, who share one principal.
    {
      principalOf: ({ headers }) => {
        const key = String(headers['x-test-principal'] ?? 'tester');
        return { key, personal: !key.startsWith('public') };
      },
    },
  );
});

afterAll(async () => {
  await gateway?.close();
  await served?.close();
});

let keys = 0;
function freshKey(): string {
  return `k${++keys}`;
}

/** A session, as raw HTTP, whose server remembers it under the key. */
async function sayHello(route: string, principal: string, capabilities: object = ASKABLE) {
  const headers = { 'x-test-principal': principal };
  const session = await openSession(`${gateway.base}/${route}`, { capabilities, headers });
  const key = freshKey();
  const said = await session.request('tools/call', { name: 'hello', arguments: { key } });
  expect(said.messages().at(-1)).toMatchObject({ result: { content: [{ text: `hello ${key}` }] } });
  return { session, key };
}

/** The next request on a session's stream; what is reported beside it is passed over. */
async function nextQuestion({ reader }: WireStream): Promise<unknown> {
  for (;;) {
    const message = await reader.message();
    if (at(message, 'id') !== undefined && at(message, 'method') !== undefined) return message;
  }
}

function respond(session: LegacySession, question: unknown, result: object) {
  return post(session.url, { jsonrpc: '2.0', id: at(question, 'id'), result }, session.headers);
}

const ACCEPTED = { action: 'accept', content: { name: 'Ann' } };
const OUTSIDE = 'failed MCP error -32601: Client cannot be asked outside a request';

describe.each(['streamable', 'sse'] as const)('an SDK client over %s', (transport) => {
  test.each(['pipe', 'http'])('is asked by upstream %s when its call is over', async (route) => {
    const client = new Client(
      { name: 'v1', version: '1' },
      { capabilities: { elicitation: {}, sampling: {}, roots: {} } },
    );
    client.setRequestHandler(ElicitRequestSchema, () => ACCEPTED);
    const model = { model: 'm', role: 'assistant', content: { type: 'text', text: 'Hello' } } as const;
    client.setRequestHandler(CreateMessageRequestSchema, () => model);
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///a' }] }));
    const principal = `sdk-${transport}-${route}`;
    const requestInit = { headers: { 'x-test-principal': principal } };
    const url = new URL(`${gateway.base}/${route}${transport === 'sse' ? '/sse' : ''}`);
    const eventSourceInit = {
      fetch: (input: string | URL | Request, init?: RequestInit) =>
        fetch(input, { ...init, headers: { ...init?.headers, ...requestInit.headers } }),
    };
    const wire =
      transport === 'sse'
        ? new SSEClientTransport(url, { requestInit, eventSourceInit })
        : new StreamableHTTPClientTransport(url, { requestInit });
    // SDK v1 was not compiled with exactOptionalPropertyTypes.
    await client.connect(wire as Transport);
    const key = freshKey();
    await client.callTool({ name: 'hello', arguments: { key } });
    expect(await asker.ask(key, 'form')).toBe('accept Ann');
    expect(await asker.ask(key, 'sampling')).toBe('sampled Hello');
    expect(await asker.ask(key, 'roots')).toBe('file:///a');
    expect(await asker.ask(key, 'ping')).toBe('pong');
    await client.close();
  });
});

describe.each(['pipe', 'http'])('on upstream %s', (route) => {
  const unique = (name: string): string => `${name}-${route}`;

  test('the question has an id of its own, and waits for a stream to be opened', async () => {
    const { session, key } = await sayHello(route, unique('waits'));
    const said = asker.ask(key, 'form');
    const listening = await session.listen();
    const question = await nextQuestion(listening);
    expect(question).toMatchObject({ method: 'elicitation/create', params: { message: `Name, ${key}?` } });
    expect(at(question, 'id')).toBeTypeOf('string');
    await respond(session, question, ACCEPTED);
    expect(await said).toBe('accept Ann');
    listening.close();
    await session.end();
  });

  test('a client that opens no stream in time cannot be asked', async () => {
    const { session, key } = await sayHello(route, unique('deaf'));
    const [form, roots] = await Promise.all([asker.ask(key, 'form'), asker.ask(key, 'roots')]);
    expect(form).toBe('cancel');
    expect(roots).toContain('-32601');
    await session.end();
  });

  test('a client is asked nothing that it did not declare', async () => {
    const { session, key } = await sayHello(route, unique('mute'), {});
    const listening = await session.listen();
    // The SDK's servers look themselves; one that does not is told the same (test/upstream).
    expect(await asker.ask(key, 'form')).toContain('Client does not support form elicitation');
    listening.close();
    await session.end();
  });

  test('a question that the server withdraws is withdrawn', async () => {
    const { session, key } = await sayHello(route, unique('withdrawn'));
    const listening = await session.listen();
    const stop = new AbortController();
    const said = asker.ask(key, 'form', stop.signal);
    const question = await nextQuestion(listening);
    stop.abort('changed my mind');
    await said;
    expect(await listening.reader.message()).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: at(question, 'id') },
    });
    listening.close();
    await session.end();
  });

  test('a modern client with nothing in flight cannot be asked', async () => {
    const principal = unique('modern');
    const key = freshKey();
    await call(`${gateway.base}/${route}`, { principal, name: 'hello', arguments: { key } });
    expect(await asker.ask(key, 'form')).toBe('cancel');
    expect(await asker.ask(key, 'sampling')).toBe(OUTSIDE);
  });

  // Attack: the answer comes from another session, of the same person or of a stranger to it, who saw or guessed the id.
  test('only the session that was asked can answer', async () => {
    const { session, key } = await sayHello(route, unique('asked'));
    const listening = await session.listen();
    const said = asker.ask(key, 'form');
    const question = await nextQuestion(listening);
    const others = await Promise.all(
      [unique('asked'), unique('mallory')].map((principal) =>
        openSession(`${gateway.base}/${route}`, { capabilities: ASKABLE, headers: { 'x-test-principal': principal } }),
      ),
    );
    for (const other of others) {
      const stolen = { action: 'accept', content: { name: 'Mallory' } };
      expect((await respond(other, question, stolen)).status).toBe(202);
    }
    await respond(session, question, ACCEPTED);
    // Late and doubled answers do nothing.
    await respond(session, question, { action: 'decline' });
    expect(await said).toBe('accept Ann');
    listening.close();
    for (const one of [session, ...others]) await one.end();
  });

  // Attack: a server that is told what to do by a stranger's text floods the person with questions.
  test('a flood of questions is refused beyond a bound', async () => {
    const { session, key } = await sayHello(route, unique('flooded'));
    const listening = await session.listen();
    const said = Array.from({ length: 80 }, () => asker.ask(key, 'form'));
    const questions: unknown[] = [];
    for (let i = 0; i < 16; i++) questions.push(await nextQuestion(listening));
    const refused = said.map(async (outcome) => expect(await outcome).toMatch(/Too many open questions|accept Ann/));
    await expect
      .poll(async () => (await settled(said)).filter((outcome) => outcome.includes('Too many')).length)
      .toBe(64);
    for (const question of questions) await respond(session, question, ACCEPTED);
    await Promise.all(refused);
    // There is room again.
    const again = asker.ask(key, 'form');
    await respond(session, await nextQuestion(listening), ACCEPTED);
    expect(await again).toBe('accept Ann');
    listening.close();
    await session.end();
  });

  test('a question ends with the session that was asked', async () => {
    const { session, key } = await sayHello(route, unique('ends'));
    const listening = await session.listen();
    const said = asker.ask(key, 'form');
    await nextQuestion(listening);
    await session.end();
    expect(await said).toMatch(/^failed /);
  });
});

describe('nobody is asked', () => {
  // Attack: two sessions of one person on one child. What the server asks because of the one must not be shown in, and answered by, the other.
  test('where two sessions use the handle', async () => {
    const one = await sayHello('pipe', 'twins');
    const two = await sayHello('pipe', 'twins');
    const streams = await Promise.all([one.session.listen(), two.session.listen()]);
    expect(await asker.ask(one.key, 'form')).toBe('cancel');
    expect(await asker.ask(two.key, 'sampling')).toBe(OUTSIDE);
    // With one of them gone it is the other's.
    await one.session.end();
    const said = asker.ask(two.key, 'form');
    await respond(two.session, await nextQuestion(streams[1] as WireStream), ACCEPTED);
    expect(await said).toBe('accept Ann');
    await two.session.end();
  });

  // Attack: the modern program of one person makes the server ask, and the person's chat is shown the question.
  test('where a client without a session uses it, too', async () => {
    const { session, key } = await sayHello('pipe', 'mixed');
    const listening = await session.listen();
    await call(`${gateway.base}/pipe`, { principal: 'mixed', name: 'hello', arguments: { key: freshKey() } });
    expect(await asker.ask(key, 'form')).toBe('cancel');
    listening.close();
    await session.end();
  });

  // Attack: one connection for everybody; a question would be shown to whoever came last.
  test.each(['shared', 'shared-http'])('on %s, which several people use', async (route) => {
    const { session, key } = await sayHello(route, 'ann');
    const listening = await session.listen();
    expect(await asker.ask(key, 'roots')).toMatch(/-32601|does not support/);
    listening.close();
    await session.end();
  });
});

// Attack: strangers on an open route share one principal. Each of them is asked in its own session alone.
test.each(['http', 'chats'])('strangers on upstream %s are asked what is theirs', async (route) => {
  const one = await sayHello(route, 'public');
  const two = await sayHello(route, 'public');
  const [first, second] = await Promise.all([one.session.listen(), two.session.listen()]);
  const said = [asker.ask(one.key, 'form'), asker.ask(two.key, 'form')];
  const asked = [await nextQuestion(first), await nextQuestion(second)];
  expect(asked.map((question) => at(question, 'params', 'message'))).toEqual([
    `Name, ${one.key}?`,
    `Name, ${two.key}?`,
  ]);
  // Each answers the question of the other first.
  await respond(one.session, asked[1], { action: 'decline' });
  await respond(two.session, asked[0], { action: 'decline' });
  await respond(one.session, asked[0], { action: 'accept', content: { name: 'One' } });
  await respond(two.session, asked[1], { action: 'accept', content: { name: 'Two' } });
  expect(await Promise.all(said)).toEqual(['accept One', 'accept Two']);
  for (const { session } of [one, two]) await session.end();
});

test('nothing is left open', async () => {
  await gateway.close();
  expect(stillOpen(gateway)).toEqual([]);
});

/** What the promises that are settled by now gave. */
async function settled(promises: readonly Promise<string>[]): Promise<string[]> {
  const pending = 'pending';
  return (await Promise.all(promises.map((promise) => Promise.race([promise, Promise.resolve(pending)])))).filter(
    (outcome) => outcome !== pending,
  );
}
