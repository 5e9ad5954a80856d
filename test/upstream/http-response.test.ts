import { describe, expect, it } from 'vitest';
import { useScope } from './http-fixtures/cleanup.ts';
import { callResult, callTool, failureOf, startCall } from './http-fixtures/harness.ts';
import {
  legacyHandler,
  openStream,
  type RawHandler,
  type RawRequest,
  sendEvent,
  sendResult,
} from './http-fixtures/raw-server.ts';

const scope = useScope();
const OK = { content: [{ type: 'text', text: 'ok' }] };
type Response = Parameters<RawHandler>[1];

async function connect(handler: RawHandler, options = {}) {
  const server = await scope.serve(legacyHandler(handler, { revision: '2025-03-26' }));
  const opening = scope.opening(server.url, { era: 'legacy', ...options });
  return { server, opening, handle: await opening.open() };
}

const respond = (response: Response, type: string | undefined, body: string) =>
  response.writeHead(200, type === undefined ? {} : { 'content-type': type }).end(body);
const json = ({ message }: RawRequest, result: unknown = OK) =>
  JSON.stringify({ jsonrpc: '2.0', id: message.id, result });

describe('a response is what its body says', () => {
  it.each<[string, string | undefined, (request: RawRequest) => string]>([
    ['JSON as it should be', 'application/json; charset=utf-8', json],
    ['JSON without a type', undefined, json],
    ['JSON as text', 'text/plain', json],
    ['JSON that is called an event stream', 'text/event-stream', json],
    ['JSON after white space and a byte order mark', 'application/json', (request) => `\ufeff\r\n ${json(request)}`],
    ['an event stream that is called JSON', 'application/json', (request) => `data: ${json(request)}\n\n`],
    [
      'an event stream with CRLF and comments',
      'text/event-stream;charset=UTF-8',
      (request) => `: hi\r\n\r\nevent: message\r\ndata: ${json(request)}\r\n\r\n`,
    ],
    [
      'an event of other kinds before',
      'text/event-stream',
      (request) => `event: endpoint\ndata: {"jsonrpc":\n\ndata: ${json(request)}\n\n`,
    ],
    [
      'an array of a 2025-03-26 server',
      'application/json',
      (request) => `[{"jsonrpc":"2.0","method":"notifications/x"}, ${json(request)}]`,
    ],
    ['an array in an event', 'text/event-stream', (request) => `data: [${json(request)}]\n\n`],
    [
      'an id that became a string',
      'application/json',
      ({ message }) => json({ message: { id: String(message.id) } } as RawRequest),
    ],
  ])('%s', async (_name, type, body) => {
    const { handle } = await connect((request, response) => respond(response, type, body(request)));
    expect(await callTool(handle, 'any')).toBe('ok');
  });

  it('in pieces of one byte', async () => {
    const { handle } = await connect(async (request, response) => {
      openStream(response);
      for (const byte of Buffer.from(`id: 1\r\ndata: ${json(request, { text: 'Größe €' })}\r\n\r\n`)) {
        await new Promise<void>((resolve) => response.write(Buffer.of(byte), () => resolve()));
      }
      response.end();
    });
    expect(await callResult(handle, 'tools/list')).toEqual({ text: 'Größe €' });
  });

  it('with result bytes that nobody touches', async () => {
    const result = '{"b":1,"a":  9007199254740993,"b2":1e400,"\\u0061":"\\u00e9"}';
    const { handle } = await connect(({ message }, response) =>
      respond(response, 'application/json', `{"jsonrpc":"2.0","id":${message.id},"result":${result}}`),
    );
    const outcome = await startCall(handle, 'tools/list').outcome;
    expect(outcome.kind === 'result' && outcome.result.toString()).toBe(result);
  });

  it('whose error has a null id', async () => {
    const { handle } = await connect((_request, response) =>
      respond(response, 'application/json', '{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"no"}}'),
    );
    expect(await failureOf(startCall(handle, 'tools/list'))).toBe('error -32602');
  });

  it('and the answer to another request is not the answer to this one', async () => {
    const { handle } = await connect((_request, response) =>
      respond(response, 'application/json', '{"jsonrpc":"2.0","id":999,"result":{}}'),
    );
    expect(await failureOf(startCall(handle, 'tools/list'))).toBe('failed upstream.invalid');
  });
});

describe('a response that is none', () => {
  it.each<[string, string, (request: RawRequest, response: Response) => unknown]>([
    ['a page', 'upstream.invalid', (_request, response) => respond(response, 'text/html', '<!doctype html>')],
    ['garbage', 'upstream.invalid', (_request, response) => respond(response, 'application/json', '\u0000\u0001')],
    [
      'half a message',
      'upstream.invalid',
      (request, response) => respond(response, 'application/json', json(request).slice(0, -5)),
    ],
    [
      'JSON that is no message',
      'upstream.invalid',
      (_request, response) => respond(response, 'application/json', '{"ok":true}'),
    ],
    ['nothing', 'upstream.invalid', (_request, response) => respond(response, 'application/json', '')],
    ['202, as if nothing had been asked', 'upstream.invalid', (_request, response) => response.writeHead(202).end()],
    [
      'compressed without being asked',
      'upstream.invalid',
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    ],
    [
      'garbage in an event',
      'upstream.invalid',
      (_request, response) => respond(response, 'text/event-stream', 'data: nonsense\n\n'),
    ],
    [
      'an event stream without an answer',
      'upstream.lost',
      (_request, response) => respond(response, 'text/event-stream', ': hello\n\n'),
    ],
    ['401', 'upstream.auth', (_request, response) => response.writeHead(401).end()],
    [
      '403 with a JSON-RPC error',
      'upstream.auth',
      (request, response) =>
        response
          .writeHead(403)
          .end(JSON.stringify({ jsonrpc: '2.0', id: request.message.id, error: { code: 1, message: 'x' } })),
    ],
    [
      '503',
      'upstream.unavailable',
      (_request, response) => response.writeHead(503, { 'retry-after': '1' }).end('busy'),
    ],
    [
      'a redirect elsewhere',
      'upstream.unavailable',
      (_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ],
  ])('%s', async (_name, code, handler) => {
    const { handle } = await connect(handler);
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'any' }))).toBe(`failed ${code}`);
  });
});

describe('a response that is too large', () => {
  const LIMIT = { maxMessageBytes: 10_000 };
  const big = (request: RawRequest) => json(request, { text: 'x'.repeat(20_000) });

  it.each<[string, (request: RawRequest, response: Response) => unknown]>([
    [
      'says so itself',
      (request, response) => response.writeHead(200, { 'content-length': big(request).length }).end(big(request)),
    ],
    ['comes in chunks', (request, response) => respond(response, 'application/json', big(request))],
    ['is one event', (request, response) => respond(response, 'text/event-stream', `data: ${big(request)}\n\n`)],
    [
      // Attack: a server that never stops sending fills our memory.
      'never ends',
      (_request, response) => {
        openStream(response);
        const pump = (): void =>
          void response.write('data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n', (error) => error ?? pump());
        pump();
      },
    ],
  ])('because it %s', async (_name, handler) => {
    const { handle } = await connect(handler, LIMIT);
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'any' }))).toBe('failed upstream.too-large');
  });

  it('as a whole but not in its events is no fault', async () => {
    const { handle } = await connect((request, response) => {
      openStream(response);
      for (let n = 0; n < 200; n++)
        sendEvent(response, { jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x'.repeat(200) } });
      sendEvent(response, JSON.parse(json(request)));
      response.end();
    }, LIMIT);
    const running = startCall(handle, 'tools/call', { name: 'any' });
    expect(await failureOf(running)).toMatch(/^result/);
    expect(running.notifications).toHaveLength(200);
  });
});

describe('a redirect', () => {
  it('within the origin repeats the same request', async () => {
    const { server, handle } = await connect((request, response) =>
      request.path === '/mcp'
        ? response.writeHead(307, { location: '/mcp/?x=1' }).end()
        : sendResult(response, request, OK),
    );
    expect(await callTool(handle, 'any')).toBe('ok');
    expect(server.requests.at(-1)).toMatchObject({
      path: '/mcp/?x=1',
      verb: 'POST',
      message: { method: 'tools/call' },
    });
  });

  it('to another origin is not followed: credentials stay where they belong', async () => {
    // Attack: a server sends the gateway, and the configured token with it, to somebody else.
    const thief = await scope.serve((request, response) => sendResult(response, request, OK));
    const { handle } = await connect((_request, response) => response.writeHead(308, { location: thief.url }).end(), {
      headers: { authorization: 'x' },
    });
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'any' }))).toBe('failed upstream.unavailable');
    expect(thief.requests).toHaveLength(0);
  });

  it('in a circle ends', async () => {
    const { server, handle } = await connect((_request, response) =>
      response.writeHead(307, { location: '/mcp' }).end(),
    );
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'any' }))).toBe('failed upstream.unavailable');
    expect(server.methods.filter((method) => method === 'tools/call')).toHaveLength(4);
  });
});

describe('reading', () => {
  it('stops while a call is paused, and other calls go on', async () => {
    let written = 0;
    const { promise: blocked, resolve } = Promise.withResolvers<void>();
    const { handle } = await connect((request, response) => {
      if (request.message.params?.['name'] !== 'flood') return sendResult(response, request, OK);
      openStream(response);
      const note = `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x'.repeat(60_000) } })}\n\n`;
      const pump = (): void => {
        while (written < 1_000) {
          written++;
          if (!response.write(note)) {
            // A server that has to wait for more than a socket's buffers was really stopped.
            if (written > 10) resolve();
            response.once('drain', pump);
            return;
          }
        }
        sendEvent(response, JSON.parse(json(request)));
        response.end();
      };
      return pump();
    });
    const flood = startCall(handle, 'tools/call', { name: 'flood' }, { onNotify: () => flood.control.pause() });
    await blocked;
    for (let n = 0; n < 5; n++) expect(await callTool(handle, 'other')).toBe('ok');
    expect(written).toBeLessThan(1_000);
    expect(flood.notifications.length).toBeLessThan(50);
    const { control } = flood;
    const unpaused = setInterval(() => control.resume(), 1);
    expect(await failureOf(flood)).toMatch(/^result/);
    clearInterval(unpaused);
    expect(flood.notifications).toHaveLength(1_000);
  });

  it('keeps connections for the next call, also after event streams', async () => {
    const sockets = new Set<unknown>();
    const { handle } = await connect((request, response) => {
      sockets.add(response.socket);
      respond(response, 'text/event-stream', `data: ${json(request)}\n\n`);
    });
    for (let n = 0; n < 10; n++) await callTool(handle, 'any');
    expect(sockets.size).toBeLessThanOrEqual(2);
  });
});
