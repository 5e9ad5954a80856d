import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener } from 'node:http';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ElicitRequestSchema, isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { Target } from '../../packages/breakwater/src/doctor/target.ts';
import type { RecordedExchange } from '../../packages/breakwater/src/recording/record.ts';
import { type Replay, replay } from '../../packages/breakwater/src/recording/replay.ts';
import { countsOf, type ReplayReport } from '../../packages/breakwater/src/recording/replay-report.ts';
import { examineFast, personaOf } from '../doctor/examine.ts';
import { type Listening, listen, SERVERS } from '../doctor/servers.ts';
import { PATIENT, runProgram } from '../e2e/support/programs.ts';
import { BIN, makeFolder, type Recording, startRecorder } from './support.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

function replayAt(
  url: string,
  exchanges: readonly RecordedExchange[],
  more: Partial<Replay> = {},
): Promise<ReplayReport> {
  const target = new Target(new URL(url));
  return replay({
    target,
    exchanges,
    rate: 1_000,
    concurrency: 4,
    answerMs: 15_000,
    extra: [],
    callTools: false,
    version: 'test',
    ...more,
  });
}

/** Everything that differs, by number of the exchange. */
function differencesOf({ played }: ReplayReport): unknown[] {
  return played.flatMap(({ n, what, differences }) =>
    differences.map(({ at, recorded, live }) => [n, what, at, recorded, live]),
  );
}

async function untilOver(recording: Recording, count: number): Promise<void> {
  await vi.waitFor(() => expect(recording.exchanges).toHaveLength(count), PATIENT);
}

/** One request of a client that never came back. */
function exchangeOf(
  request: Partial<RecordedExchange['request']>,
  more: Partial<RecordedExchange> = {},
): RecordedExchange {
  const head = { v: 1, n: 1, client: 'client-1', atMs: 0, tookMs: 10, values: 'kept', end: 'complete' } as const;
  const answer = {
    atMs: 5,
    status: 200,
    headers: [['content-type', 'application/json'] as [string, string]],
    body: { kind: 'empty' as const },
  };
  return {
    ...head,
    response: answer,
    request: { method: 'POST', path: '/mcp', query: [], headers: [], body: { kind: 'empty' }, ...request },
    ...more,
  };
}

/** A server of SDK v1 with sessions, whose every part a test can replace. */
async function startSessions(build: () => McpServer): Promise<Listening & { readonly sessions: Set<string> }> {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const sessions = new Set<string>();
  const listening = await listen(
    async (request, response) => {
      const text = (await request.toArray()).join('');
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      const known = transports.get(String(request.headers['mcp-session-id']));
      if (known !== undefined) return await known.handleRequest(request, response, body);
      if (!isInitializeRequest(body))
        return void response
          .writeHead(404, JSON_TYPE)
          .end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"no session"}}');
      const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => {
          sessions.add(id);
          transports.set(id, transport);
        },
      });
      await build().connect(transport as Transport);
      await transport.handleRequest(request, response, body);
    },
    async () => void (await Promise.all([...transports.values()].map((transport) => transport.close()))),
  );
  return { ...listening, sessions };
}

function build(
  tools: readonly string[] = ['read', 'wipe'],
  onCall: (name: string) => void = () => undefined,
): McpServer {
  const server = new McpServer({ name: 'one', version: '1.0.0' });
  for (const name of tools) {
    server.registerTool(
      name,
      { inputSchema: { text: z.string() }, annotations: { readOnlyHint: name === 'read' } },
      ({ text }) => {
        onCall(name);
        return { content: [{ type: 'text', text }] };
      },
    );
  }
  return server;
}

async function use(
  url: string,
  work: (client: Client) => Promise<unknown>,
  setUp: (client: Client) => void = () => undefined,
): Promise<void> {
  const client = new Client({ name: 'recorded', version: '1.0.0' }, { capabilities: { elicitation: {} } });
  setUp(client);
  const transport = new StreamableHTTPClientTransport(new URL(url));
  await client.connect(transport as Transport);
  await work(client);
  await transport.terminateSession();
  await client.close();
}

async function callBoth(client: Client): Promise<void> {
  await client.listTools();
  for (const name of ['read', 'wipe']) await client.callTool({ name, arguments: { text: 'a private word' } });
}

describe('a replay', () => {
  it('gives other sessions their own ids and finds everything the same', async () => {
    await using server = await startSessions(() => build());
    await using recording = await startRecorder(server.url);
    await use(recording.url, callBoth);
    await untilOver(recording, 7);
    const [recorded] = server.sessions;
    const report = await replayAt(server.url, recording.exchanges);
    expect(differencesOf(report)).toEqual([]);
    expect(countsOf(report)).toEqual({ same: 6, differs: 0, skipped: 1 });
    expect(server.sessions.size).toBe(3); // The recorded one, the one that asked for the tools, the replayed one.
    expect(JSON.stringify(report)).not.toContain(recorded);
  });

  it('says what differs', async () => {
    await using server = await startSessions(() => build());
    await using recording = await startRecorder(server.url);
    await use(recording.url, async (client) => {
      await callBoth(client);
      await client.listPrompts().catch(() => undefined);
    });
    await untilOver(recording, 8);
    await using changed = await startSessions(() => {
      const fresh = build(['read', 'write']);
      fresh.registerPrompt('greet', {}, () => ({ messages: [] }));
      return fresh;
    });
    const report = await replayAt(changed.url, recording.exchanges, { callTools: true });
    expect(differencesOf(report)).toEqual([
      [1, 'initialize', 'result/capabilities/prompts', 'missing', 'there'],
      [expect.any(Number), 'tools/list', 'result/tools/*/wipe', 'there', 'missing'],
      [expect.any(Number), 'tools/list', 'result/tools/*/write', 'missing', 'there'],
      [expect.any(Number), 'prompts/list', 'outcome', 'error -32601', 'result'],
    ]);
  });

  // Attack: a recording that makes whoever plays it wipe a server.
  it('calls no tool that does not say that it only reads', async () => {
    const called: string[] = [];
    await using server = await startSessions(() => build(undefined, (name) => called.push(name)));
    await using recording = await startRecorder(server.url, true);
    await use(recording.url, callBoth);
    await untilOver(recording, 7);
    called.length = 0;
    await replayAt(server.url, recording.exchanges);
    expect(called).toEqual(['read']);
    called.length = 0;
    const report = await replayAt(server.url, recording.exchanges, { callTools: true });
    expect(called).toEqual(['read', 'wipe']);
    expect(countsOf(report)).toEqual({ same: 7, differs: 0, skipped: 0 });
  });

  // Attack: the same in a batch, in a request that is no JSON-RPC, or with a name that is no text.
  it.each([
    [
      'a batch',
      {
        method: 'POST',
        body: [
          { jsonrpc: '2.0', method: 'ping', id: 1 },
          { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'wipe' } },
        ],
      },
    ],
    ['REST', { method: 'POST', body: { tool: 'wipe' } }],
    ['PUT', { method: 'PUT', body: { jsonrpc: '2.0', method: 'ping', id: 1 } }],
    ['DELETE without a session', { method: 'DELETE', body: undefined }],
    [
      'a nameless call',
      { method: 'POST', body: { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: ['read'] } } },
    ],
    ['POST of nothing', { method: 'POST', body: undefined }],
  ])('does not send %s', async (_, { method, body }) => {
    const seen: string[] = [];
    await using server = await listen(async (request, response) => {
      const text = (await request.toArray()).join('');
      seen.push(text);
      response.writeHead(404).end();
    });
    const recorded =
      body === undefined ? ({ kind: 'empty' } as const) : ({ kind: 'json', bytes: 1, value: body } as const);
    const { played } = await replayAt(server.url, [exchangeOf({ method, body: recorded })]);
    expect(played).toMatchObject([{ verdict: 'skipped' }]);
    expect(seen.filter((text) => /wipe/.test(text) || text === '')).toEqual([]);
  });

  // Attack: a recording that brings its own framing, Host and credentials.
  it('sends heads of its own', async () => {
    const seen: IncomingMessage[] = [];
    await using server = await listen((request, response) => {
      seen.push(request);
      response.writeHead(200, JSON_TYPE).end('{}');
    });
    const hostile: [string, string][] = [
      'Host',
      'Content-Length',
      'Transfer-Encoding',
      'Authorization',
      'Cookie',
      'Connection',
      'Upgrade',
      'Expect',
    ].map((name) => [name, name === 'Content-Length' ? '3' : 'chunked']);
    await replayAt(server.url, [exchangeOf({ method: 'GET', headers: [...hostile, ['X-Kept', 'yes']] })], {
      extra: [['Authorization', 'Bearer mine']],
    });
    expect(seen.at(-1)?.headers).toEqual({
      host: new URL(server.url).host,
      'x-kept': 'yes',
      authorization: 'Bearer mine',
      connection: 'close',
    });
  });

  it('plays the 2024 transport, whose answers come on another stream', async () => {
    const kind = SERVERS.find(({ name }) => name.includes('2024'));
    if (kind === undefined) throw new Error('no server of 2024');
    await using server = await kind.start();
    await using recording = await startRecorder(server.url);
    await examineFast(recording.url, [personaOf('spec-2024-11-05')]);
    await vi.waitFor(() => expect(recording.exchanges.map(({ end }) => end)).toContain('client-left'), PATIENT);
    const report = await replayAt(server.url, recording.exchanges);
    expect(differencesOf(report)).toEqual([]);
    expect(countsOf(report)).toMatchObject({ skipped: 0 });
    // And it can tell: the same recording against a server that answers on its stream with errors.
    const broken = recording.exchanges.map(
      (each): RecordedExchange => JSON.parse(JSON.stringify(each).replaceAll('"inputSchema"', '"outputSchema"')),
    );
    expect(differencesOf(await replayAt(server.url, broken))).not.toEqual([]);
  });

  it('answers the live server’s own questions by their live ids', async () => {
    let asked = 0;
    const ask = () => {
      const server = build([]);
      server.registerTool('read', { annotations: { readOnlyHint: true } }, async () => {
        asked += 1;
        const { action } = await server.server.elicitInput({
          message: 'Name?',
          requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
        });
        return { content: [{ type: 'text', text: action }] };
      });
      return server;
    };
    await using server = await startSessions(ask);
    await using recording = await startRecorder(server.url, true);
    await use(
      recording.url,
      (client) => client.callTool({ name: 'read' }),
      (client) => client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'me' } })),
    );
    await untilOver(recording, 6);
    await using other = await startSessions(ask);
    const report = await replayAt(other.url, recording.exchanges);
    expect(differencesOf(report)).toEqual([]);
    expect(asked).toBe(2);
  });

  // Attack: a server that never answers, or only drips, holds the player for ever.
  it.each<[string, RequestListener]>([
    ['never answers', () => undefined],
    [
      'never ends',
      (_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hold\n\n'),
    ],
  ])('leaves a server that %s', async (_, listener) => {
    await using server = await listen(listener);
    const value = { jsonrpc: '2.0', id: 1, method: 'ping' };
    const { played } = await replayAt(server.url, [exchangeOf({ body: { kind: 'json', bytes: 1, value } })], {
      answerMs: 500,
    });
    expect(played).toMatchObject([{ verdict: 'differs' }]);
  });
});

describe('breakwater replay', () => {
  const run = (...args: string[]) => runProgram(process.execPath, [BIN, 'replay', ...args]);

  it('exits 0 when all is the same and 1 when not, and reports in three forms', async () => {
    await using folder = await makeFolder();
    await using server = await startSessions(() => build());
    await using recording = await startRecorder(server.url);
    await use(recording.url, callBoth);
    await untilOver(recording, 7);
    const file = folder.at('recording.ndjson');
    await writeFile(file, recording.lines.join(''));
    const same = await run(file, server.url, '--junit', folder.at('deep/report.xml'));
    expect(same.stderr).toBe('');
    expect([same.code, same.stdout]).toEqual([0, expect.stringContaining('6 same, 0 differ, 1 skipped')]);
    expect(await readFile(folder.at('deep/report.xml'), 'utf8')).toContain('tests="7" failures="0" skipped="1"');
    await using changed = await startSessions(() => build(['read']));
    const differs = await run(file, changed.url, '--json');
    expect(differs.code).toBe(1);
    expect(JSON.parse(differs.stdout)).toMatchObject({ format: 'breakwater-replay/1', counts: { differs: 1 } });
  });

  it.each([
    ['{}', 'line 1 is no record'],
    ['not json', 'line 1 is not JSON'],
    ['{"v":2}', 'has version 2; this program reads 1'],
    ['', 'holds no exchange'],
    // Attacks: an address that leaves the server, a header that smuggles another, a method that is none.
    [JSON.stringify(exchangeOf({ path: '//evil.example/x' })), 'line 1 is no record'],
    [JSON.stringify(exchangeOf({ path: 'http://evil.example/x' })), 'line 1 is no record'],
    [JSON.stringify(exchangeOf({ path: '/\\evil.example' })), 'line 1 is no record'],
    [JSON.stringify(exchangeOf({ headers: [['x', 'a\r\nHost: evil']] })), 'line 1 is no record'],
    [JSON.stringify(exchangeOf({ headers: [['x: y\r\nz', 'a']] })), 'line 1 is no record'],
    [JSON.stringify(exchangeOf({ method: 'GET / HTTP/1.1' })), 'line 1 is no record'],
  ])('exits 2 for the recording %s', async (text, sentence) => {
    await using folder = await makeFolder();
    await writeFile(folder.at('bad'), text);
    const { code, stderr, stdout } = await run(folder.at('bad'), 'http://127.0.0.1:1/mcp');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(sentence);
  });

  it.each([
    [['x.ndjson'], 'replay needs a recording and a server'],
    [['x.ndjson', 'http://127.0.0.1:1/', 'more'], 'is too many'],
    [['x.ndjson', 'https://mcp.example.com/mcp'], 'add --allow-remote mcp.example.com'],
    [['x.ndjson', 'https://mcp.example.com/mcp', '--allow-remote', 'example.com'], 'is not this machine'],
    [['no-such-file', 'http://127.0.0.1:1/mcp'], 'ENOENT'],
    [['x.ndjson', 'http://127.0.0.1:1/mcp', '--concurrency', '0'], '--concurrency is no number'],
    [['x.ndjson', 'http://127.0.0.1:1/mcp', '--call-tool'], 'unknown flag "--call-tool"'],
  ])('exits 2 with a sentence for %j', async (args, sentence) => {
    const { code, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
  });

  it('exits 2 when nobody is there', async () => {
    await using folder = await makeFolder();
    await writeFile(folder.at('one'), JSON.stringify(exchangeOf({ method: 'GET' })));
    const { code, stderr } = await run(folder.at('one'), 'http://127.0.0.1:1/mcp');
    expect([code, stderr]).toEqual([2, expect.stringContaining('nothing listens there')]);
  });
});
