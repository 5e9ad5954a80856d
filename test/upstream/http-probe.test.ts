import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import { useScope } from './http-fixtures/cleanup.ts';
import { callTool, realClock } from './http-fixtures/harness.ts';
import { legacyHandler, modernHandler, type RawHandler, sendError, sendResult } from './http-fixtures/raw-server.ts';

const scope = useScope();
const OK = { resultType: 'complete', content: [{ type: 'text', text: 'ok' }] };
const answer: RawHandler = (request, response) => sendResult(response, request, OK);
type Response = Parameters<RawHandler>[1];

describe('the era of a server', () => {
  it.each([
    [
      '400 with a legacy error',
      (response: Response) => sendError(response, 400, undefined, { code: -32000, message: 'Not initialized' }),
    ],
    ['404 with a page', (response: Response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<p>no')],
    ['405', (response: Response) => response.writeHead(405).end()],
    [
      '200 with a page',
      (response: Response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello'),
    ],
    [
      '-32601 in 200, with a null id',
      (response: Response) => sendError(response, 200, undefined, { code: -32601, message: 'Method not found' }),
    ],
    [
      'only legacy versions',
      (response: Response) =>
        sendError(response, 400, undefined, {
          code: -32022,
          message: 'Unsupported',
          data: { supported: ['2025-06-18'] },
        }),
    ],
    ['some result', (response: Response) => sendError(response, 200, undefined, { code: -1, message: 'what' })],
  ])('is legacy when the probe is answered %s', async (_name, refuse) => {
    const legacy = legacyHandler(answer);
    const server = await scope.serve((request, response) =>
      request.message.method === 'server/discover' ? refuse(response) : legacy(request, response),
    );
    const opening = scope.opening(server.url);
    expect((await opening.open()).revision).toBe('2025-11-25');
    // The verdict is remembered.
    await opening.open();
    expect(server.methods.filter((method) => method === 'server/discover')).toHaveLength(1);
  });

  it.each([
    ['401', 'upstream.auth', (response: Response) => response.writeHead(401).end()],
    [
      '403',
      'upstream.auth',
      (response: Response) => sendError(response, 403, undefined, { code: -32600, message: 'no' }),
    ],
    ['500', 'upstream.unavailable', (response: Response) => response.writeHead(500).end('boom')],
    [
      '503',
      'upstream.unavailable',
      (response: Response) => sendError(response, 503, undefined, { code: -32000, message: 'busy' }),
    ],
    ['429', 'upstream.unavailable', (response: Response) => response.writeHead(429).end()],
    ['302', 'upstream.unavailable', (response: Response) => response.writeHead(302, { location: '/login' }).end()],
    ['a broken connection', 'upstream.unavailable', (response: Response) => response.destroy()],
    [
      '-32020',
      'upstream.headers',
      (response: Response) => sendError(response, 400, undefined, { code: -32020, message: 'mismatch' }),
    ],
    [
      'only versions of the future',
      'upstream.version',
      (response: Response) =>
        sendError(response, 400, undefined, {
          code: -32022,
          message: 'Unsupported',
          data: { supported: ['2027-01-01'] },
        }),
    ],
  ])('is not settled by %s', async (_name, code, refuse) => {
    let isWell = false;
    const modern = modernHandler(answer);
    const server = await scope.serve((request, response) => (isWell ? modern(request, response) : refuse(response)));
    const opening = scope.opening(server.url);
    await expect(opening.open()).rejects.toMatchObject({ code });
    expect(server.methods).toEqual(['server/discover']);
    isWell = true;
    expect((await opening.open()).revision).toBe('2026-07-28');
  });

  it('is asked again after a day', async () => {
    let days = 0;
    const clock = { ...realClock, now: () => realClock.now() + days * 86_400_000 };
    const legacy = legacyHandler(answer);
    const modern = modernHandler(answer);
    const server = await scope.serve((request, response) => (days === 0 ? legacy : modern)(request, response));
    const opening = scope.opening(server.url, {}, { clock });
    const need = () => ({ deadline: clock.now() + 20_000 });
    expect((await opening.open(need())).revision).toBe('2025-11-25');
    expect((await opening.open(need())).revision).toBe('2025-11-25');
    days = 1;
    expect((await opening.open(need())).revision).toBe('2026-07-28');
    expect(server.methods.filter((method) => method === 'server/discover')).toHaveLength(2);
  });

  it('is asked again when the verdict fails, in both directions', async () => {
    let isModern = false;
    const legacy = legacyHandler(answer);
    const modern = modernHandler((request, response) =>
      sendError(response, 400, request, { code: -32022, message: 'Unsupported', data: { supported: ['2026-07-28'] } }),
    );
    const server = await scope.serve((request, response) => (isModern ? modern : legacy)(request, response));
    const opening = scope.opening(server.url);
    for (isModern of [false, true, false]) {
      expect((await opening.open()).revision).toBe(isModern ? '2026-07-28' : '2025-11-25');
    }
  });

  it('may be that of 2024, which is opened by others', async () => {
    const server = await scope.serve((_request, response) => response.writeHead(405).end());
    const asked: string[] = [];
    const openSse = async (need: { handleId: string }) => {
      asked.push(need.handleId);
      throw new GatewayError('upstream.auth');
    };
    const opening = scope.opening(server.url, {}, { openSse });
    await expect(opening.open({ handleId: 'h1' })).rejects.toMatchObject({ code: 'upstream.auth' });
    expect(server.methods).toEqual(['server/discover', 'initialize']);
    await expect(
      scope.opening(server.url, { transport: 'sse' }, { openSse }).open({ handleId: 'h2' }),
    ).rejects.toMatchObject({ code: 'upstream.auth' });
    expect(asked).toEqual(['h1', 'h2']);
    await expect(scope.opening(server.url, { transport: 'streamable-http' }, { openSse }).open()).rejects.toMatchObject(
      { code: 'upstream.unavailable' },
    );
  });
});

describe('the end of opening', () => {
  it('is the deadline, where a server takes the request and says nothing', async () => {
    const server = await scope.serve(() => undefined);
    await expect(scope.opening(server.url).open({ deadline: realClock.now() + 50 })).rejects.toMatchObject({
      code: 'upstream.unavailable',
    });
    expect(server.methods).toEqual(['server/discover']);
  });

  it('is the caller losing interest', async () => {
    const abort = new AbortController();
    const server = await scope.serve(() => abort.abort('nobody waits'));
    await expect(scope.opening(server.url).open({ signal: abort.signal })).rejects.toMatchObject({
      code: 'upstream.unavailable',
    });
  });

  it('leaves no session behind when notifications/initialized is never answered', async () => {
    const legacy = legacyHandler(answer);
    const server = await scope.serve((request, response) =>
      request.message.method === 'notifications/initialized' ? undefined : legacy(request, response),
    );
    await expect(scope.opening(server.url).open({ deadline: realClock.now() + 200 })).rejects.toMatchObject({
      code: 'upstream.unavailable',
    });
    await expect.poll(() => server.methods).toContain('DELETE');
  });

  it('is a port where nobody listens', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    await expect(scope.opening(`http://127.0.0.1:${port}/mcp`).open()).rejects.toMatchObject({
      code: 'upstream.unavailable',
    });
  });
});

describe('configured headers', () => {
  it('go with every request, cannot replace what the gateway says, and are never told', async () => {
    const server = await scope.serve(modernHandler(answer));
    const headers = {
      Authorization: 'Bearer s3cret',
      'X-Api-Key': 'k3y',
      'MCP-Protocol-Version': '1',
      'mcp-session-id': 'stolen',
      'Content-Type': 'text/plain',
      Accept: 'text/html',
      Host: 'evil.example',
      Connection: 'close',
      'Transfer-Encoding': 'chunked',
    };
    const opening = scope.opening(server.url, { headers });
    await callTool(await opening.open(), 'any');
    for (const request of server.requests) {
      expect(request.headers).toMatchObject({
        authorization: 'Bearer s3cret',
        'x-api-key': 'k3y',
        'mcp-protocol-version': '2026-07-28',
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        host: new URL(server.url).host,
      });
      expect(request.headers['mcp-session-id']).toBeUndefined();
      expect(request.headers['transfer-encoding']).toBeUndefined();
    }
    expect(JSON.stringify(opening.events)).not.toMatch(/s3cret|k3y/);
  });

  it('with a line end in them are refused at once', () => {
    // Attack: a secret file with "x\r\nMcp-Session-Id: …" in it writes headers of its own.
    expect(() => scope.opening('http://127.0.0.1:1/', { headers: { 'x-a': 'b\r\nc: d' } })).toThrow(TypeError);
  });
});
