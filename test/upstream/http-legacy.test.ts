import { describe, expect, it } from 'vitest';
import { useScope } from './http-fixtures/cleanup.ts';
import { CLIENT, callResult, callTool, failureOf, nextChange, startCall } from './http-fixtures/harness.ts';
import {
  cut,
  type LegacyTraits,
  legacyHandler,
  openStream,
  type RawHandler,
  type RawRequest,
  sendError,
  sendEvent,
  sendJson,
  sendResult,
} from './http-fixtures/raw-server.ts';

const scope = useScope();
const OK = { content: [{ type: 'text', text: 'ok' }] };

async function connect(handler: RawHandler, traits: LegacyTraits = {}, options = {}) {
  const server = await scope.serve(legacyHandler(handler, traits));
  const opening = scope.opening(server.url, options);
  return { server, opening, handle: await opening.open({ profile: CLIENT.profile }) };
}

const sessionOf = ({ headers }: RawRequest) => headers['mcp-session-id'];
const resultOf = ({ message }: RawRequest, result: unknown = OK) => ({ jsonrpc: '2.0', id: message.id, result });

describe('the handshake', () => {
  it.each([
    ['2024-11-05', undefined],
    ['2025-03-26', undefined],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
  ])('repeats session and version as %s wants them', async (revision, header) => {
    const { server, handle } = await connect((request, response) => sendResult(response, request, OK), { revision });
    expect(handle.revision).toBe(revision);
    await callTool(handle, 'any');
    await handle.close('done');
    expect(server.methods).toEqual([
      'server/discover',
      'initialize',
      'notifications/initialized',
      'tools/call',
      'DELETE',
    ]);
    for (const request of server.requests.slice(2)) {
      expect(sessionOf(request)).toBe('s1');
      expect(request.headers['mcp-protocol-version']).toBe(header);
    }
    expect(server.requests[3]?.headers).toMatchObject({
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    });
  });

  it('declares what the client can be asked, and nothing on a shared handle', async () => {
    const server = await scope.serve(legacyHandler(() => undefined));
    const opening = scope.opening(server.url, { era: 'legacy' });
    await opening.open({ profile: CLIENT.profile, clientInfo: CLIENT.info });
    await opening.open({ profile: CLIENT.profile, shared: true });
    const params = server.requests
      .filter(({ message }) => message.method === 'initialize')
      .map(({ message }) => message.params);
    expect(params[0]).toMatchObject({
      capabilities: { elicitation: { form: {} } },
      clientInfo: { name: 'breakwater', title: 'test-client' },
    });
    expect(params[1]).toMatchObject({ capabilities: {} });
    expect(params[1]?.['capabilities']).toEqual({});
  });

  it('does without a session where the server has none', async () => {
    const { server, handle } = await connect(
      (request, response) =>
        request.verb === 'GET' ? response.writeHead(405).end() : sendResult(response, request, OK),
      { sessions: false, capabilities: { tools: { listChanged: true }, resources: { subscribe: true } } },
    );
    expect(handle.hasSession).toBe(false);
    expect(await callTool(handle, 'any')).toBe('ok');
    expect(await handle.openFeed()).toBe(false);
    expect(await handle.openFeed()).toBe(false);
    expect(await handle.watch('x://y')).toBe(false);
    await handle.close('done');
    expect(server.methods.filter((method) => method === 'GET' || method === 'DELETE')).toEqual(['GET']);
    expect(server.requests.some((request) => sessionOf(request) !== undefined)).toBe(false);
  });

  it('refuses a revision nobody knows', async () => {
    const server = await scope.serve(legacyHandler(() => undefined, { revision: '1999-01-01' }));
    await expect(scope.opening(server.url).open()).rejects.toMatchObject({ code: 'upstream.version' });
  });
});

describe('a session that the server forgot', () => {
  function forgetful(refuse: (response: Parameters<RawHandler>[1]) => void) {
    return (request: RawRequest, response: Parameters<RawHandler>[1]) =>
      sessionOf(request) === 's1' ? refuse(response) : sendResult(response, request, OK);
  }
  const notFound = (response: Parameters<RawHandler>[1]) =>
    sendError(response, 404, undefined, { code: -32001, message: 'Session not found' });

  it.each([
    ['404 with a JSON-RPC error', notFound],
    ['404 without any body', (response: Parameters<RawHandler>[1]) => response.writeHead(404).end()],
    [
      // The SDK's first examples answered this, and many servers were built after them.
      'the 400 of old examples',
      (response: Parameters<RawHandler>[1]) =>
        sendError(response, 400, undefined, { code: -32000, message: 'Bad Request: No valid session ID provided' }),
    ],
  ])('is replaced once for everybody: %s', async (_name, refuse) => {
    const { server, handle } = await connect(forgetful(refuse));
    const safe = Array.from({ length: 5 }, () => callResult(handle, 'tools/list'));
    const idempotent = callTool(handle, 'any', {}, { idempotent: true });
    expect(await Promise.all(safe)).toEqual(Array(5).fill(OK));
    expect(await idempotent).toBe('ok');
    expect(server.methods.filter((method) => method === 'initialize')).toHaveLength(2);
    expect(server.methods.filter((method) => method === 'notifications/initialized')).toHaveLength(2);
  });

  it('never runs a tool twice that does not say it may', async () => {
    const { server, handle } = await connect(forgetful(notFound));
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'pay' }))).toBe('failed upstream.session-lost');
    expect(server.methods.filter((method) => method === 'tools/call')).toHaveLength(1);
    expect(await callTool(handle, 'pay')).toBe('ok');
  });

  it('asks only once more', async () => {
    const { server, handle } = await connect((_request, response) => notFound(response));
    expect(await failureOf(startCall(handle, 'tools/list'))).toBe('failed upstream.session-lost');
    expect(server.methods.filter((method) => method === 'tools/list')).toHaveLength(2);
  });

  it('ends the handle when there is no new one', async () => {
    let isGone = false;
    const server = await scope.serve((request, response) => {
      if (isGone) return response.writeHead(404).end();
      return legacyHandler(forgetful(notFound))(request, response);
    });
    const handle = await scope.opening(server.url, { era: 'legacy', transport: 'streamable-http' }).open();
    const ended = new Promise((resolve) => handle.onEnd(resolve));
    isGone = true;
    expect(await failureOf(startCall(handle, 'tools/list'))).toMatch(/^failed upstream\./);
    expect(await ended).toBe('session lost');
  });

  it('is not what a 404 for an unknown method means', async () => {
    const { server, handle } = await connect((request, response) =>
      sendError(response, 404, request, { code: -32601, message: 'Method not found' }),
    );
    expect(await failureOf(startCall(handle, 'no/such'))).toBe('error -32601');
    expect(server.methods.filter((method) => method === 'initialize')).toHaveLength(1);
  });
});

describe('an event stream that breaks off', () => {
  it('without event ids loses the call, which is not sent again', async () => {
    const { server, handle } = await connect((_request, response) => {
      openStream(response);
      sendEvent(response, {
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: 2, progress: 1 },
      });
      cut(response);
    });
    // Not even a safe one: something of the answer was seen.
    expect(await failureOf(startCall(handle, 'tools/list'))).toBe('failed upstream.lost');
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'pay' }))).toBe('failed upstream.lost');
    expect(server.methods.slice(3)).toEqual(['tools/list', 'tools/call']);
  });

  it('before anything came is asked for again once, when that is harmless', async () => {
    let tries = 0;
    const { server, handle } = await connect((request, response) => {
      if (request.message.method === 'tools/call' || ++tries === 1) return response.destroy();
      return sendResult(response, request, OK);
    });
    expect(await callResult(handle, 'tools/list')).toEqual(OK);
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'pay' }))).toBe('failed upstream.lost');
    expect(server.methods.slice(3)).toEqual(['tools/list', 'tools/list', 'tools/call']);
  });

  it('with event ids is resumed where it ended, each message once', async () => {
    const progress = (n: number) => ({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: 2, progress: n },
    });
    let call: RawRequest | undefined;
    const { server, handle } = await connect((request, response) => {
      openStream(response);
      if (request.verb === 'POST') {
        call = request;
        sendEvent(response, progress(1), { id: 'e1', retry: 1 });
        return cut(response);
      }
      if (request.headers['last-event-id'] === 'e1') {
        sendEvent(response, progress(2), { id: 'e2' });
        return cut(response);
      }
      if (call !== undefined) sendEvent(response, resultOf(call), { id: 'e3' });
      return response.end();
    });
    const running = startCall(handle, 'tools/call', { name: 'slow' }, { progress: true });
    expect((await running.outcome).kind).toBe('result');
    expect(running.notifications).toHaveLength(2);
    expect(server.requests.filter(({ verb }) => verb === 'GET').map(({ headers }) => headers['last-event-id'])).toEqual(
      ['e1', 'e2'],
    );
  });

  it('on purpose (2025-11-25: close and poll) is polled until the result is there', async () => {
    let call: RawRequest | undefined;
    let polls = 0;
    const { handle } = await connect((request, response) => {
      openStream(response);
      if (request.verb === 'POST') call = request;
      if (request.verb === 'GET' && ++polls === 8 && call !== undefined) sendEvent(response, resultOf(call));
      else sendEvent(response, undefined, { id: `p${polls}`, retry: 1 });
      response.end();
    });
    expect(await callTool(handle, 'slow')).toBe('ok');
  });

  it('is given up when it cannot be resumed', async () => {
    const { handle } = await connect((request, response) => {
      if (request.verb === 'GET') return response.writeHead(405).end();
      openStream(response);
      sendEvent(response, undefined, { id: 'p1', retry: 1 });
      return response.end();
    });
    expect(await failureOf(startCall(handle, 'tools/call', { name: 'slow' }))).toBe('failed upstream.lost');
  });
});

describe('what a server asks and says', () => {
  it('on the POST stream belongs to the call; pings are answered at once', async () => {
    const answers: RawRequest[] = [];
    let finish = (): void => undefined;
    const { server, handle } = await connect((request, response) => {
      if (request.message.method === undefined) {
        answers.push(request);
        response.writeHead(202).end();
        if (answers.length === 2) finish();
        return;
      }
      openStream(response);
      sendEvent(response, { jsonrpc: '2.0', id: 'ping-1', method: 'ping' });
      sendEvent(response, { jsonrpc: '2.0', id: 7, method: 'elicitation/create', params: { message: 'Name?' } });
      finish = () => {
        sendEvent(response, resultOf(request));
        response.end();
      };
    });
    const text = await callTool(
      handle,
      'ask',
      {},
      { onAsk: (question) => question.answer({ result: Buffer.from('{"action":"accept"}') }) },
    );
    expect(text).toBe('ok');
    expect(answers.map(({ message }) => message)).toEqual([
      { jsonrpc: '2.0', id: 'ping-1', result: {} },
      { jsonrpc: '2.0', id: 7, result: { action: 'accept' } },
    ]);
    expect(server.requests.filter(({ message }) => message.method === undefined).map(sessionOf)).toEqual(['s1', 's1']);
  });

  it('on the GET stream goes to the call whose client can be asked, or to nobody', async () => {
    const answers: unknown[] = [];
    let feed: Parameters<RawHandler>[1] | undefined;
    const calls: { request: RawRequest; response: Parameters<RawHandler>[1] }[] = [];
    const { handle } = await connect((request, response) => {
      if (request.verb === 'GET') {
        feed = response;
        return openStream(response);
      }
      if (request.message.method === undefined) {
        answers.push(request.message);
        response.writeHead(202).end();
        if (answers.length === 2) for (const call of calls) sendResult(call.response, call.request, OK);
        return undefined;
      }
      calls.push({ request, response });
      if (calls.length === 2 && feed !== undefined)
        sendEvent(feed, { jsonrpc: '2.0', id: 2, method: 'elicitation/create', params: {} });
      return undefined;
    });
    await handle.openFeed();
    if (feed !== undefined) sendEvent(feed, { jsonrpc: '2.0', id: 1, method: 'elicitation/create', params: {} });
    await expect.poll(() => answers).toHaveLength(1);
    const deaf = startCall(
      handle,
      'tools/call',
      { name: 'a' },
      { client: { ...CLIENT, profile: { ...CLIENT.profile, elicitForm: false } } },
    );
    const asked = startCall(
      handle,
      'tools/call',
      { name: 'b' },
      { onAsk: (question) => question.answer({ result: Buffer.from('{}') }) },
    );
    await Promise.all([deaf.outcome, asked.outcome]);
    expect(deaf.questions).toHaveLength(0);
    expect(asked.questions).toHaveLength(1);
    expect(answers).toMatchObject([
      // Nobody is there: an elicitation has a word for that (eras.md §2.13).
      { id: 1, result: { action: 'cancel' } },
      { id: 2, result: {} },
    ]);
  });

  it('is heard again after the feed was cut, with a change for what may have been missed', async () => {
    const { server, handle } = await connect(
      (request, response) => {
        if (request.verb !== 'GET') return sendResult(response, request, {});
        openStream(response);
        return server.requests.filter(({ verb }) => verb === 'GET').length === 1 ? response.destroy() : undefined;
      },
      { capabilities: { tools: { listChanged: true }, resources: { subscribe: true } } },
    );
    const list = nextChange(handle, ({ kind }) => kind === 'tools');
    const update = nextChange(handle, ({ kind }) => kind === 'updated');
    expect(await handle.watch('x://y')).toBe(true);
    expect(await list).toEqual({ kind: 'tools', params: undefined });
    expect(await update).toEqual({ kind: 'updated', uri: 'x://y', params: undefined });
  });

  it('is asked for again on a new session: feed, subscriptions, log level', async () => {
    let isForgotten = false;
    const { server, handle } = await connect(
      (request, response) => {
        if (isForgotten && sessionOf(request) === 's1') return response.writeHead(404).end();
        return request.verb === 'GET' ? openStream(response) : sendResult(response, request, OK);
      },
      { capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} } },
    );
    expect(await handle.watch('x://y')).toBe(true);
    await callTool(handle, 'any', {}, { logLevel: 'info' });
    isForgotten = true;
    const change = nextChange(handle, ({ kind }) => kind === 'tools');
    await callTool(handle, 'any', {}, { logLevel: 'info', idempotent: true });
    await change;
    await callTool(handle, 'any', {}, { logLevel: 'info' });
    await expect
      .poll(() =>
        server.requests
          .filter((request) => sessionOf(request) === 's2')
          .map(({ verb, message }) => message.method ?? verb),
      )
      .toEqual(expect.arrayContaining(['GET', 'resources/subscribe', 'tools/call', 'logging/setLevel']));
  });

  it('runs one interactive call at a time where that is configured', async () => {
    let running = 0;
    let most = 0;
    const { handle } = await connect(
      async (request, response) => {
        most = Math.max(most, ++running);
        await new Promise(setImmediate);
        running--;
        sendResult(response, request, OK);
      },
      {},
      { interactiveConcurrency: 1 },
    );
    const calls = [1, 2, 3, 4].map(() => startCall(handle, 'tools/call', { name: 'any' }));
    calls[1]?.control.cancel('not needed');
    await Promise.all([calls[0]?.outcome, calls[2]?.outcome, calls[3]?.outcome]);
    expect(most).toBe(1);
  });
});

describe('the limits of patience', () => {
  it('a cancelled call is cancelled at the server by its own id, and never heard of again', async () => {
    const { server, handle } = await connect(() => undefined);
    const running = startCall(handle, 'tools/call', { name: 'slow' });
    await expect.poll(() => server.methods).toContain('tools/call');
    running.control.cancel('enough');
    await expect.poll(() => server.methods).toContain('notifications/cancelled');
    const id = server.requests.find(({ message }) => message.method === 'tools/call')?.message.id;
    expect(server.requests.at(-1)?.message.params).toEqual({ requestId: id, reason: 'enough' });
  });

  it('a server that forbids DELETE is left all the same', async () => {
    const server = await scope.serve((request, response) =>
      request.verb === 'DELETE' ? sendJson(response, 405, {}) : legacyHandler(() => undefined)(request, response),
    );
    const handle = await scope.opening(server.url).open();
    await handle.close('done');
    await handle.close('done');
    expect(server.methods.filter((method) => method === 'DELETE')).toHaveLength(1);
  });

  it('a handle that is closed fails its calls', async () => {
    const { handle } = await connect(() => undefined);
    const running = startCall(handle, 'tools/call', { name: 'slow' });
    const ends: string[] = [];
    handle.onEnd((reason) => ends.push(reason));
    await handle.close('drain');
    expect(await failureOf(running)).toBe('failed upstream.lost');
    handle.onEnd((reason) => ends.push(reason));
    expect(ends).toEqual(['drain', 'drain']);
  });
});
