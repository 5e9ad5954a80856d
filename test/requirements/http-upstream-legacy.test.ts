import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { callModern, openSession, streamModern, toolText } from './support/clients.ts';
import { startGateway } from './support/gateway.ts';
import { at } from './support/json.ts';
import { legacyScript } from './support/scripted-eras.ts';
import {
  beginStream,
  errorOf,
  resultOf,
  type SeenRequest,
  sendJson,
  startScripted,
  writeEvent,
} from './support/scripted-upstream.ts';
import { post } from './support/wire.ts';
import { verifies } from './verifies.ts';

const DONE = { content: [{ type: 'text', text: 'done' }] };
const isCall = ({ message }: SeenRequest): boolean => message?.['method'] === 'tools/call';

describe('Streamable HTTP with sessions, as servers see it', () => {
  verifies(
    [
      'http.upstream.post-each',
      'http.upstream.accept',
      'http.upstream.session-id',
      'http.upstream.version-header',
      'http.upstream.session-deleted',
      'batch.never-sent',
    ],
    'sends every message alone, with the headers of the session, and ends it',
    async () => {
      await using upstream = await startScripted(legacyScript());
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
      const session = await openSession(gateway.url, { revision: '2025-03-26' });
      await session.request('tools/list');
      const call = (id: number): object => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'act' } });
      const batch = await post(gateway.url, [call(1), call(2)], session.headers);
      expect(batch.messages()).toHaveLength(2);
      await session.end();
      const ended = await upstream.until(({ verb }) => verb === 'DELETE');
      expect(ended.headers['mcp-session-id']).toEqual(expect.any(String));
      await gateway.close();

      const posts = upstream.seen.filter(({ verb }) => verb === 'POST');
      for (const { body, headers, message } of posts) {
        expect(body.startsWith('{')).toBe(true);
        expect(headers.accept).toContain('application/json');
        expect(headers.accept).toContain('text/event-stream');
        expect(headers['content-type']).toBe('application/json');
        if (message?.['method'] === 'initialize') expect(headers['mcp-session-id']).toBeUndefined();
        else {
          expect(headers['mcp-session-id']).toEqual(expect.any(String));
          expect(headers['mcp-protocol-version']).toBe('2025-11-25');
        }
      }
      const opened = new Set(posts.map(({ headers }) => headers['mcp-session-id']).filter((id) => id !== undefined));
      const deleted = upstream.seen
        .filter(({ verb }) => verb === 'DELETE')
        .map(({ headers }) => headers['mcp-session-id']);
      expect(new Set(deleted)).toEqual(opened);
    },
  );

  verifies(['http.upstream.both-answers'], 'understands JSON, event streams, and their odd forms', async () => {
    const forms: ((request: SeenRequest, response: Parameters<typeof sendJson>[0]) => void)[] = [
      (request, response) => sendJson(response, 200, resultOf(request, DONE)),
      (request, response) => {
        beginStream(response);
        writeEvent(response, resultOf(request, DONE));
        response.end();
      },
      (request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
        response.write(': hello\r\nretry: 10\r\n\r\nid: 1\r\ndata:\r\n\r\n');
        response.end(`event: message\r\ndata: ${resultOf(request, DONE).replace(',', ',\r\ndata: ')}\r\n\r\n`);
      },
      (request, response) => {
        response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
        for (const byte of Buffer.from(resultOf(request, DONE))) response.write(Buffer.from([byte]));
        response.end();
      },
    ];
    for (const form of forms) {
      await using upstream = await startScripted(
        legacyScript({
          instead: (request, response) => {
            if (isCall(request)) form(request, response);
            return isCall(request);
          },
        }),
      );
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
      const session = await openSession(gateway.url);
      expect((await session.request('tools/call', { name: 'act' })).messages().map(toolText)).toEqual(['done']);
    }
  });

  verifies(
    ['http.upstream.cancel-explicit', 'cancel.upstream.own-ids', 'cancel.upstream.late-response'],
    'cancels by a notification that names its own request, and ignores what comes late',
    async () => {
      let answerLate = (): void => undefined;
      await using upstream = await startScripted(
        legacyScript({
          instead: (request, response) => {
            if (!isCall(request)) return false;
            answerLate = () => sendJson(response, 200, resultOf(request, DONE));
            return true;
          },
        }),
      );
      await using gateway = await startGateway({
        upstreams: { one: { url: upstream.url, era: 'legacy' } },
        timeouts: { commit: '20ms' },
      });
      const session = await openSession(gateway.url);
      const call = session.request('tools/call', { name: 'act' }, 'mine');
      const [running] = [await upstream.until(isCall)];
      await session.notify('notifications/cancelled', { requestId: 'mine' });
      const told = await upstream.until(({ message }) => message?.['method'] === 'notifications/cancelled');
      expect(at(told.message, 'params', 'requestId')).toEqual(running.message?.['id']);
      expect(told.headers['mcp-session-id']).toBe(running.headers['mcp-session-id']);
      answerLate();
      expect((await call).text).not.toContain('done');

      // The same by a modern client, whose way is to close the stream.
      const modern = await streamModern(gateway.url, 'tools/call', { name: 'act' });
      modern.close();
      await expect.poll(() => upstream.calls('notifications/cancelled').length).toBe(2);
      const [last] = upstream.calls('tools/call').slice(-1);
      expect(at(upstream.calls('notifications/cancelled')[1]?.message, 'params', 'requestId')).toEqual(
        last?.message?.['id'],
      );
    },
  );

  verifies(
    ['http.upstream.resume', 'http.upstream.retry', 'http.upstream.get-accept', 'gateway.no-double-execution'],
    'resumes a stream that the server closed early, after the pause it asked for, and calls nothing twice',
    async () => {
      const pauseMs = 150;
      let isPauseOver = false;
      await using upstream = await startScripted(
        legacyScript({
          instead: (request, response) => {
            if (isCall(request)) {
              beginStream(response);
              response.write(`id: s-1\nretry: ${pauseMs}\ndata:\n\n`);
              response.end();
              // A little less: the timers of two ends never agree to the millisecond.
              void sleep(pauseMs * 0.9).then(() => {
                isPauseOver = true;
              });
              return true;
            }
            if (request.verb !== 'GET' || request.headers['last-event-id'] === undefined) return false;
            const [call] = upstream.calls('tools/call');
            beginStream(response);
            if (call !== undefined) writeEvent(response, resultOf(call, DONE), 's-2');
            response.end();
            return true;
          },
        }),
      );
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
      const session = await openSession(gateway.url);
      const answer = await session.request('tools/call', { name: 'act' });
      expect(answer.messages().map(toolText)).toEqual(['done']);
      const [resumed] = upstream.seen.filter(
        ({ verb, headers }) => verb === 'GET' && headers['last-event-id'] !== undefined,
      );
      expect(resumed?.headers).toMatchObject({ 'last-event-id': 's-1', accept: 'text/event-stream' });
      expect(isPauseOver).toBe(true);
      expect(upstream.calls('tools/call')).toHaveLength(1);
    },
  );

  verifies(
    ['http.upstream.session-lost', 'gateway.safe-repeat', 'gateway.no-double-execution'],
    'opens a new session where the old one is gone, and repeats reads only',
    async () => {
      const lost = new Set<string>();
      let loses = false;
      await using upstream = await startScripted(
        legacyScript({
          instead: (request, response) => {
            const id = String(request.headers['mcp-session-id']);
            if (loses) lost.add(id);
            loses = false;
            if (!lost.has(id)) return false;
            sendJson(response, 404, errorOf(request, -32001, 'Session not found'));
            return true;
          },
        }),
      );
      await using gateway = await startGateway({
        upstreams: { one: { url: upstream.url, era: 'legacy', cache: 'off' } },
      });
      const session = await openSession(gateway.url);
      expect((await session.request('tools/list')).status).toBe(200);
      const before = upstream.calls('initialize').length;

      loses = true;
      const list = await session.request('tools/list');
      expect(at(list.messages()[0], 'result', 'tools', 0, 'name')).toBe('act');
      expect(upstream.calls('initialize').length).toBe(before + 1);
      for (const { headers } of upstream.calls('initialize')) expect(headers['mcp-session-id']).toBeUndefined();

      expect((await session.request('tools/call', { name: 'act' })).messages().map(toolText)).toEqual(['done']);
      const calls = upstream.calls('tools/call').length;
      loses = true;
      const call = await session.request('tools/call', { name: 'act' });
      expect(call.messages()).toMatchObject([{ id: 1, error: { code: -32603 } }]);
      expect(upstream.calls('tools/call')).toHaveLength(calls + 1);
      expect((await session.request('tools/call', { name: 'act' })).messages().map(toolText)).toEqual(['done']);
    },
  );

  verifies(
    ['ping.upstream.answered', 'ask.upstream.answered', 'gateway.always-answered'],
    'answers a server’s own requests on the stream of a call',
    async () => {
      const asked = [
        { jsonrpc: '2.0', id: 'p', method: 'ping' },
        {
          jsonrpc: '2.0',
          id: 7,
          method: 'elicitation/create',
          params: { message: '?', requestedSchema: { type: 'object' } },
        },
        { jsonrpc: '2.0', id: 8, method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } },
        { jsonrpc: '2.0', id: 9, method: 'roots/list' },
        { jsonrpc: '2.0', id: 10, method: 'nobody/knows' },
      ];
      const answers = new Map<unknown, unknown>();
      await using upstream = await startScripted(
        legacyScript({
          instead: (request, response) => {
            if (request.message?.['method'] === undefined && request.message?.['id'] !== undefined) {
              answers.set(request.message['id'], request.message);
              response.writeHead(202).end();
              return true;
            }
            if (!isCall(request)) return false;
            beginStream(response);
            for (const question of asked) writeEvent(response, question);
            const finish = (): void => {
              if (answers.size < asked.length) setTimeout(finish, 5);
              else {
                writeEvent(response, resultOf(request, DONE));
                response.end();
              }
            };
            finish();
            return true;
          },
        }),
      );
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
      const session = await openSession(gateway.url);
      const answer = await session.request('tools/call', { name: 'act' });
      expect(answer.messages().map(toolText)).toEqual(['done']);
      expect(answers.get('p')).toEqual({ jsonrpc: '2.0', id: 'p', result: {} });
      for (const id of [7, 8, 9, 10])
        expect(answers.get(id)).toMatchObject({ jsonrpc: '2.0', id, error: { code: -32601 } });
      for (const { headers } of upstream.seen.filter(
        ({ message }) => message?.['method'] === undefined && message !== undefined,
      )) {
        expect(headers['mcp-session-id']).toEqual(expect.any(String));
      }
    },
  );

  verifies(
    ['rpc.upstream.unique-ids', 'progress.upstream.unique-token', 'gateway.legs.ids', 'progress.own-token'],
    'uses ids and tokens of its own, however its clients repeat theirs',
    async () => {
      await using upstream = await startScripted(
        legacyScript({
          instead: (request, response) => {
            if (!isCall(request)) return false;
            beginStream(response);
            const progressToken = at(request.message, 'params', '_meta', 'progressToken');
            for (const progress of [1, 2]) {
              writeEvent(response, {
                jsonrpc: '2.0',
                method: 'notifications/progress',
                params: { progressToken, progress },
              });
            }
            writeEvent(response, resultOf(request, DONE));
            response.end();
            return true;
          },
        }),
      );
      await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
      const session = await openSession(gateway.url);
      const params = { name: 'act', _meta: { progressToken: 1e21 } };
      const legacy = await Promise.all([1, 2, 3].map(() => session.request('tools/call', params, 'same')));
      const modern = await Promise.all(
        [1, 2, 3].map(() =>
          callModern(gateway.url, 'tools/call', { name: 'act' }, { id: 'same', meta: { progressToken: 'same' } }),
        ),
      );
      for (const answer of legacy)
        expect(answer.messages().map((message) => at(message, 'params', 'progressToken'))).toEqual([
          1e21,
          1e21,
          undefined,
        ]);
      for (const answer of modern)
        expect(answer.messages().map((message) => at(message, 'params', 'progressToken'))).toEqual([
          'same',
          'same',
          undefined,
        ]);
      const calls = upstream.calls('tools/call');
      const perSession = new Set(
        calls.map(({ message, headers }) => `${headers['mcp-session-id']} ${JSON.stringify(message?.['id'])}`),
      );
      expect(perSession.size).toBe(6);
      const tokens = calls.map(
        ({ message, headers }) => `${headers['mcp-session-id']} ${at(message, 'params', '_meta', 'progressToken')}`,
      );
      expect(new Set(tokens).size).toBe(6);
      expect(tokens.filter((token) => token.endsWith(' same') || token.endsWith(' 1e+21'))).toEqual([]);
      for (const { message } of calls) expect(message?.['id']).not.toBe('same');
    },
  );
});
