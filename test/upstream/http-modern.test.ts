import { describe, expect, it } from 'vitest';
import { useScope } from './http-fixtures/cleanup.ts';
import { CLIENT, callResult, callTool, failureOf, nextChange, startCall } from './http-fixtures/harness.ts';
import {
  cut,
  legacyHandler,
  modernHandler,
  openStream,
  type RawHandler,
  type RawRequest,
  sendError,
  sendEvent,
  sendJson,
  sendResult,
} from './http-fixtures/raw-server.ts';

const scope = useScope();
const OK = { resultType: 'complete', content: [{ type: 'text', text: 'ok' }] };
const META = 'io.modelcontextprotocol/';
type Response = Parameters<RawHandler>[1];

async function connect(handler: RawHandler, capabilities?: object, deps = {}) {
  const server = await scope.serve(modernHandler(handler, capabilities));
  const opening = scope.opening(server.url, {}, deps);
  return { server, opening, handle: await opening.open() };
}

const metaOf = ({ message }: RawRequest) => message.params?.['_meta'] as Record<string, unknown>;

describe('a modern request', () => {
  it('says for itself who asks, and its headers say what its body says', async () => {
    const { server, handle } = await connect((request, response) => sendResult(response, request, OK));
    await callTool(handle, 'Größe', { a: 1 }, { progress: true, logLevel: 'warning' });
    const request = server.requests.at(-1);
    expect(request?.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': `=?base64?${Buffer.from('Größe').toString('base64')}?=`,
      accept: 'application/json, text/event-stream',
    });
    expect(request?.headers['mcp-session-id']).toBeUndefined();
    expect(request && metaOf(request)).toMatchObject({
      [`${META}protocolVersion`]: '2026-07-28',
      [`${META}clientInfo`]: { name: 'test-client', version: '1' },
      [`${META}clientCapabilities`]: { elicitation: { form: {} } },
      [`${META}logLevel`]: 'warning',
      progressToken: request?.message.id,
    });
    await callResult(handle, 'tools/list', undefined, { client: { ...CLIENT, info: undefined, capabilities: {} } });
    const own = server.requests.at(-1);
    expect(own && metaOf(own)).toMatchObject({
      [`${META}clientInfo`]: { name: 'breakwater' },
      [`${META}clientCapabilities`]: {},
    });
  });

  it('passes a result without resultType on as it came', async () => {
    const bytes = '{ "content": [],"big":9007199254740993, "content_":[1e400] }';
    const { handle } = await connect((request, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(`{"result":${bytes},"id":${request.message.id},"jsonrpc":"2.0"}`),
    );
    const outcome = await startCall(handle, 'resources/read', { uri: 'x://y' }).outcome;
    expect(outcome).toMatchObject({ kind: 'result', revision: '2026-07-28' });
    if (outcome.kind === 'result') expect(outcome.result.toString()).toBe(bytes);
  });

  it('is cancelled by closing its stream, with nothing else said', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { server, handle } = await connect((request, response) => {
      if (request.message.method === 'tools/list') return sendResult(response, request, { ...OK, tools: [] });
      response.on('close', resolve);
      openStream(response);
      sendEvent(response, {
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: request.message.id, progress: 1 },
      });
    });
    const running = startCall(
      handle,
      'tools/call',
      { name: 'slow' },
      { progress: true, onNotify: () => running.control.cancel('x') },
    );
    await promise;
    expect(server.methods).not.toContain('notifications/cancelled');
  });

  it('that breaks off is lost, or asked again with a new id when that is harmless', async () => {
    const { server, handle } = await connect((request, response) => {
      if (request.message.method === 'tools/list' && server.methods.filter((m) => m === 'tools/list').length === 3) {
        return sendResult(response, request, { ...OK, tools: [] });
      }
      openStream(response);
      return cut(response);
    });
    expect(await failureOf(startCall(handle, 'tools/list'))).toBe('failed upstream.lost');
    expect(await callResult(handle, 'tools/list')).toMatchObject({ tools: [] });
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'pay' }))).toBe('failed upstream.lost');
    expect(server.methods.slice(1).filter((method) => method === 'tools/call')).toHaveLength(1);
    const ids = server.requests.slice(1).map(({ message }) => message.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('that is answered 404 with -32601 is an answer, and the handle lives on', async () => {
    const { handle } = await connect((request, response) =>
      request.message.method === 'no/such'
        ? sendError(response, 404, request, { code: -32601, message: 'Method not found' })
        : sendResult(response, request, OK),
    );
    expect(await failureOf(startCall(handle, 'no/such'))).toBe('error -32601');
    expect(await callTool(handle, 'any')).toBe('ok');
  });
});

describe('arguments that travel as headers', () => {
  const schema = (header: string) => ({
    type: 'object',
    properties: { region: { type: 'string', 'x-mcp-header': header } },
  });
  const list = (header: string) => ({ ...OK, tools: [{ name: 'deploy', inputSchema: schema(header) }] });

  it('are declared by a list that is read once, for any number of calls', async () => {
    const { server, handle } = await connect((request, response) =>
      sendResult(response, request, request.message.method === 'tools/list' ? list('Region') : OK),
    );
    await Promise.all([1, 2, 3].map(() => callTool(handle, 'deploy', { region: 'eu-1' })));
    await callTool(handle, 'unknown', { region: 'eu-1' });
    expect(server.methods.filter((method) => method === 'tools/list')).toHaveLength(1);
    const calls = server.requests.filter(({ message }) => message.method === 'tools/call');
    expect(calls.map(({ headers }) => headers['mcp-param-region'])).toEqual(['eu-1', 'eu-1', 'eu-1', undefined]);
  });

  it('are declared by the schema that somebody has at hand', async () => {
    const toolSchema = async (tool: string) =>
      tool === 'deploy' ? Buffer.from(JSON.stringify(schema('Region'))) : undefined;
    const { server, handle } = await connect((request, response) => sendResult(response, request, OK), undefined, {
      toolSchema,
    });
    await callTool(handle, 'deploy', { region: 'Köln' });
    expect(server.requests.at(-1)?.headers['mcp-param-region']).toBe(
      `=?base64?${Buffer.from('Köln').toString('base64')}?=`,
    );
    expect(server.methods).not.toContain('tools/list');
  });

  it('are learnt anew when the server refuses them, and then tried once', async () => {
    let lists = 0;
    const { server, handle } = await connect((request, response) => {
      if (request.message.method === 'tools/list')
        return sendResult(response, request, list(++lists === 1 ? 'Region' : 'Zone'));
      if (request.headers['mcp-param-zone'] === 'eu-1') return sendResult(response, request, OK);
      return sendError(response, 400, request, { code: -32020, message: 'Header mismatch' });
    });
    expect(await callTool(handle, 'deploy', { region: 'eu-1' })).toBe('ok');
    expect(server.methods.slice(1)).toEqual(['tools/list', 'tools/call', 'tools/list', 'tools/call']);
  });

  it('fail the call when the server is never content', async () => {
    const { server, handle } = await connect((request, response) =>
      request.message.method === 'tools/list'
        ? sendResult(response, request, list('Region'))
        : sendError(response, 400, undefined, { code: -32020, message: 'Header mismatch' }),
    );
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'deploy', arguments: { region: 'x' } }))).toBe(
      'failed upstream.headers',
    );
    expect(server.methods.filter((method) => method === 'tools/call')).toHaveLength(2);
  });
});

describe('changes of a modern server', () => {
  const CAPABILITIES = { tools: { listChanged: true }, resources: { subscribe: true } };

  function acknowledge(response: Response, { message }: RawRequest): void {
    openStream(response);
    const params = {
      notifications: message.params?.['notifications'],
      _meta: { [`${META}subscriptionId`]: message.id },
    };
    sendEvent(response, { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params });
  }

  it.each([
    [
      'by a result',
      (response: Response, request: RawRequest) => {
        sendEvent(response, { jsonrpc: '2.0', id: request.message.id, result: { resultType: 'complete' } });
        response.end();
      },
    ],
    // The specification says both (spec#3348).
    [
      'by notifications/cancelled',
      (response: Response, request: RawRequest) => {
        sendEvent(response, {
          jsonrpc: '2.0',
          method: 'notifications/cancelled',
          params: { requestId: request.message.id },
        });
        response.end();
      },
    ],
    ['by a broken connection', (response: Response) => cut(response)],
  ])('are heard again after a listen was ended %s, with one for what may have been missed', async (_name, end) => {
    const listens: [Response, RawRequest][] = [];
    const { handle } = await connect((request, response) => {
      acknowledge(response, request);
      listens.push([response, request]);
    }, CAPABILITIES);
    expect(await handle.openFeed()).toBe(true);
    const change = nextChange(handle, ({ kind }) => kind === 'tools');
    const [first] = listens;
    if (first !== undefined) end(...first);
    expect(await change).toEqual({ kind: 'tools', params: undefined });
    expect(listens).toHaveLength(2);
  });

  it('have no gap when the set of watched resources changes', async () => {
    const log: string[] = [];
    const { handle } = await connect((request, response) => {
      const { resourceSubscriptions = [] } = (request.message.params?.['notifications'] ?? {}) as {
        resourceSubscriptions?: string[];
      };
      const name = `[${resourceSubscriptions.join()}]`;
      log.push(`open ${name}`);
      response.on('close', () => log.push(`close ${name}`));
      acknowledge(response, request);
    }, CAPABILITIES);
    expect(await handle.watch('a:')).toBe(true);
    expect(await handle.watch('b:')).toBe(true);
    await expect.poll(() => log).toEqual(['open [a:]', 'open [a:,b:]', 'close [a:]']);
  });

  it('are not promised by a server that refuses to listen', async () => {
    const { server, handle } = await connect(
      (request, response) => sendError(response, 200, request, { code: -32603, message: 'Subscription limit reached' }),
      CAPABILITIES,
    );
    expect(await handle.openFeed()).toBe(false);
    expect(await handle.watch('a:')).toBe(false);
    expect(server.methods.filter((method) => method === 'subscriptions/listen').length).toBeLessThanOrEqual(2);
  });
});

describe('a server that stops speaking the modern era', () => {
  it.each([
    ['answers 404 with a page', (response: Response) => response.writeHead(404).end('<h1>Not found</h1>')],
    [
      'answers 400 like a legacy server',
      (response: Response) => sendError(response, 400, undefined, { code: -32000, message: 'No session' }),
    ],
    [
      'lists only legacy versions',
      (response: Response, request: RawRequest) =>
        sendError(response, 400, request, {
          code: -32022,
          message: 'Unsupported',
          data: { supported: ['2025-11-25'], requested: '2026-07-28' },
        }),
    ],
  ])('is asked anew: %s', async (_name, refuse) => {
    let isLegacy = false;
    const legacy = legacyHandler((request, response) =>
      sendResult(response, request, { content: [{ type: 'text', text: 'legacy' }] }),
    );
    const modern = modernHandler((request, response) => sendResult(response, request, OK));
    const server = await scope.serve((request, response) => {
      if (!isLegacy) return modern(request, response);
      if (request.headers['mcp-method'] === 'tools/call') return refuse(response, request);
      return legacy(request, response);
    });
    const opening = scope.opening(server.url);
    const handle = await opening.open();
    expect(await callTool(handle, 'any')).toBe('ok');
    isLegacy = true;
    const ended = new Promise((resolve) => handle.onEnd(resolve));
    // The server did not run it, so whoever sent it may send it again.
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'any' }))).toBe('failed upstream.unavailable');
    expect(await ended).toBe('era changed');
    const next = await opening.open();
    expect(next.revision).toBe('2025-11-25');
    expect(await callTool(next, 'any')).toBe('legacy');
  });

  it('but says that it serves our version after all is asked once more, not for ever', async () => {
    const { server, handle } = await connect((request, response) =>
      sendError(response, 400, request, { code: -32022, message: 'Unsupported', data: { supported: ['2026-07-28'] } }),
    );
    expect(await failureOf(startCall(handle, 'prompts/list'))).toBe('failed upstream.version');
    expect(server.methods.filter((method) => method === 'prompts/list')).toHaveLength(2);
  });

  it('answers errors of its own in every status', async () => {
    const { handle } = await connect((request, response) =>
      sendJson(response, 500, { jsonrpc: '2.0', id: request.message.id, error: { code: -32603, message: 'Oops' } }),
    );
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'any' }))).toBe('error -32603');
  });
});
