import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseLibraryConfig } from '../packages/breakwater/src/config/library.ts';
import { resolveSecrets } from '../packages/breakwater/src/config/secrets.ts';
import { createDemoFactory } from '../packages/breakwater/src/demo/server.ts';
import { type RunningGateway, serve } from '../packages/breakwater/src/serve.ts';
import { createLog } from '../packages/breakwater/src/telemetry/log.ts';
import type { HostileAnswer } from './arbitraries/hostile.ts';
import { callThrough, type Era } from './support/call-through.ts';
import { startHostileHttp } from './support/hostile-http.ts';
import { judge } from './support/judge.ts';
import { type Delivery, exchange } from './support/raw-client.ts';
import { startTarget } from './support/target.ts';

const HOST = 'Host: 127.0.0.1\r\n';
const POST = `POST /mcp HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nAccept: application/json\r\n`;
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

type Case = readonly [name: string, bytes: string, statuses: readonly number[], after: Delivery['after']];

/** Cases that broke a rule once, or that stand at the edge of one. What came to be 200, 400 and so on is written beside them. */
const REQUESTS: readonly Case[] = [
  // Found: Node answered these three itself, with an empty body.
  ['no Host', 'POST /mcp HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}', [403], 'wait'],
  ['an unknown Expect', `${POST}Expect: miracles\r\nContent-Length: ${PING.length}\r\n\r\n${PING}`, [200], 'wait'],
  ['an unknown Expect on a GET', `GET /mcp HTTP/1.1\r\n${HOST}Expect: miracles\r\n\r\n`, [200], 'wait'],
  ['an empty Host', 'GET /mcp HTTP/1.1\r\nHost: \r\n\r\n', [403], 'wait'],
  ['two Hosts', 'GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n', [400, 403, 200], 'wait'],
  ['a control character in a header', `HEAD /mcp HTTP/1.1\r\n${HOST}Accept: \u0000\r\n\r\n`, [400], 'wait'],
  ['a header that is too big', `GET /mcp HTTP/1.1\r\n${HOST}X-Big: ${'b'.repeat(20_000)}\r\n\r\n`, [431], 'wait'],
  ['a path that is too long', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`, [431], 'wait'],
  // Attack: request smuggling. Two lengths are two opinions about where the next request begins.
  ['two lengths', `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`, [400], 'wait'],
  ['a length and chunks', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400], 'wait'],
  ['chunks under another coding', `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`, [400], 'wait'],
  ['a broken chunk', `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello`, [400], 'wait'],
  ['a negative length', `${POST}Content-Length: -1\r\n\r\n`, [400], 'wait'],
  ['a folded header', `GET /mcp HTTP/1.1\r\n${HOST}X-A: b\r\n c\r\n\r\n`, [200, 400], 'wait'],
  ['no HTTP', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003', [400], 'wait'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400], 'wait'],
  ['an HTTP/1.0 client', 'GET /health HTTP/1.0\r\n\r\n', [200], 'wait'],
  ['a body that never comes', `${POST}Content-Length: 50\r\n\r\n{"json`, [408], 'wait'],
  ['a body that is cut', `${POST}Content-Length: 50\r\n\r\n{"json`, [400, 408], 'half-close'],
  ['a head that never ends', `GET /mcp HTTP/1.1\r\n${HOST}`, [408], 'wait'],
  ['a body that is announced too big', `${POST}Content-Length: 99999999\r\n\r\n`, [413], 'wait'],
  ['a compressed body', `${POST}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}`, [415], 'wait'],
  [
    'an id that is no double',
    `${POST}Content-Length: 41\r\n\r\n{"jsonrpc":"2.0","id":1e400,"method":"a"}`,
    [200],
    'wait',
  ],
  ['an absolute target with a foreign host', `GET http://evil.example/mcp HTTP/1.1\r\n${HOST}\r\n`, [403], 'wait'],
  ['a target that is no URL', `GET http://[::1 HTTP/1.1\r\n${HOST}\r\n`, [400, 404], 'wait'],
  ['an asterisk', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, [204, 404], 'wait'],
  ['an upgrade', `GET /mcp HTTP/1.1\r\n${HOST}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n`, [200], 'wait'],
  [
    'a session id of a prototype',
    `${POST}Mcp-Session-Id: __proto__\r\nContent-Length: ${PING.length}\r\n\r\n${PING}`,
    [404],
    'wait',
  ],
  [
    'a session id in the query twice',
    `POST /messages?session_id=__proto__&session_id=x HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\n{}`,
    [404],
    'wait',
  ],
];

describe('requests that were found by fuzzing, or might have been', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    const config = parseLibraryConfig({
      listen: { port: 0 },
      upstreams: { demo: { factory: createDemoFactory() } },
      timeouts: { read: '300ms' },
    });
    const resolved = await resolveSecrets(config, { env: {} });
    if (!resolved.ok) throw new TypeError('the configuration is invalid');
    gateway = await serve(resolved.config, createLog({ level: 'silent', format: 'json' }));
  });
  afterAll(() => gateway.close());

  // Node alone decides how long it waits for the end of a head: 20 s here, which is too long for a test.
  const cases = REQUESTS.filter(([name]) => name !== 'a head that never ends');

  it.each(cases)('%s', async (_name, text, statuses, after) => {
    const bytes = Buffer.from(text, 'latin1');
    const result = await exchange(gateway.address.port, bytes, { slices: [], after });
    const [answer] = judge(bytes, result);
    // A client that half-closed in the middle of its own message may find the connection closed.
    if (after === 'wait') expect(statuses, answer?.body).toContain(answer?.status);
  });
});

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: ';

/** Servers that a gateway must survive. */
const SERVERS: readonly (readonly [name: string, bytes: string, after: HostileAnswer['after']])[] = [
  ['an empty answer', `${OK}application/json\r\ncontent-length: 0\r\n\r\n`, 'end'],
  ['a stream without an answer', `${OK}text/event-stream\r\n\r\n: nothing\n\n`, 'end'],
  ['half an answer and a reset', `${OK}application/json\r\ncontent-length: 99\r\n\r\n{"jsonrpc"`, 'reset'],
  ['half an answer and silence', `${OK}application/json\r\ncontent-length: 99\r\n\r\n{"jsonrpc"`, 'silence'],
  [
    'an answer that claims to be compressed',
    `${OK}application/json\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}`,
    'end',
  ],
  ['a redirect to itself', 'HTTP/1.1 307 Again\r\nlocation: /mcp\r\ncontent-length: 0\r\n\r\n', 'end'],
  [
    'a result and an error',
    `${OK}application/json\r\n\r\n{"jsonrpc":"2.0","id":$ID,"result":{},"error":{"code":1,"message":"x"}}`,
    'end',
  ],
  ['an error without a code', `${OK}application/json\r\n\r\n{"jsonrpc":"2.0","id":$ID,"error":{}}`, 'end'],
  ['an answer to somebody else', `${OK}application/json\r\n\r\n{"jsonrpc":"2.0","id":"other","result":{}}`, 'end'],
  ['a result that is null', `${OK}application/json\r\n\r\n{"jsonrpc":"2.0","id":$ID,"result":null}`, 'end'],
  [
    'a result that asks for nothing',
    `${OK}application/json\r\n\r\n{"jsonrpc":"2.0","id":$ID,"result":{"resultType":"input_required"}}`,
    'end',
  ],
  [
    'a tower of brackets',
    `${OK}application/json\r\n\r\n{"jsonrpc":"2.0","id":$ID,"result":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`,
    'end',
  ],
  [
    'more than the gateway passes on',
    `${OK}application/json\r\n\r\n{"jsonrpc":"2.0","id":$ID,"result":{"a":"${'b'.repeat(300_000)}"}}`,
    'end',
  ],
  [
    'bytes that are no UTF-8',
    `${OK}application/json\r\n\r\n{"jsonrpc":"2.0","id":$ID,"result":{"a":"\u00ff\u00c0"}}`,
    'end',
  ],
  ['a retry of eleven days', `${OK}text/event-stream\r\n\r\nid: 1\nretry: 999999999\ndata:\n\n`, 'end'],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.9\r\n', 'end'],
];

describe('servers that were found by fuzzing, or might have been', () => {
  const eras: readonly Era[] = ['legacy', 'modern'];

  it.each(SERVERS)('%s', async (_name, text, after) => {
    const answer: HostileAnswer = { bytes: Buffer.from(text, 'latin1'), after, always: false };
    await Promise.all(
      eras.flatMap((server) =>
        eras.map(async (client) => {
          await using hostile = await startHostileHttp(server, answer);
          await using target = await startTarget({
            upstreams: { bad: { url: hostile.url, era: server, limits: { requestTimeout: '400ms' } } },
            limits: { resultBytes: '256KiB' },
          });
          await callThrough(target, client);
        }),
      ),
    );
  });
});
