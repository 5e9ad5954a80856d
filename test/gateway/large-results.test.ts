/** A large result is passed on while it comes in, and whatever is not plainly one is seen whole first. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import type { GatewayEvent, LibraryConfig } from '../../packages/breakwater/src/index.ts';
import { META, modernMessage, openSession } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at, textAt } from '../requirements/support/json.ts';
import { legacyScript, modernScript } from '../requirements/support/scripted-eras.ts';
import {
  beginStream,
  resultOf,
  type Script,
  type SeenRequest,
  startScripted,
} from '../requirements/support/scripted-upstream.ts';
import { ACCEPT_BOTH, type Headers, open, post } from '../requirements/support/wire.ts';
import { PATIENT } from './support/ask.ts';
import type { ClientEra } from './support/field-mix.ts';

const ERAS: readonly ClientEra[] = ['legacy', 'modern'];
/** Beyond everything that is checked whole. */
const HALF = 'é"\\'.repeat(60_000);

/** A result of 700 KB in two halves, as bytes of JSON. */
function halves(era: ClientEra): readonly [string, string] {
  const type = era === 'modern' ? '"resultType":"complete",' : '';
  const text = JSON.stringify(HALF);
  return [
    `{${type}"n":9007199254740993,"content":[{"type":"text","text":${text}},`,
    `{"type":"text","text":${text}}] }`,
  ];
}

type Answer = (request: SeenRequest, response: ServerResponse) => void;

/** A server of this era whose tool, and whose resource, answer like this. */
function serverOf(era: ClientEra, answer: Answer): Script {
  return (era === 'legacy' ? legacyScript : modernScript)({
    instead: (request, response) => {
      const method = request.message?.['method'];
      if (method !== 'tools/call' && method !== 'resources/read') return false;
      answer(request, response);
      return true;
    },
  });
}

interface Asked {
  readonly headers: Headers;
  readonly body: string;
  readonly sessionHeaders: Headers;
}

/** A request of a client of this era. */
async function asking(
  gateway: RunningGateway,
  era: ClientEra,
  method = 'tools/call',
  revision?: string,
): Promise<Asked> {
  const params = method === 'tools/call' ? { name: 'act', arguments: {} } : { uri: 'test://a' };
  const common = { 'content-type': 'application/json', accept: ACCEPT_BOTH };
  if (era === 'modern') {
    const { headers, body } = modernMessage(method, params, { id: 'mine' });
    return { headers: { ...common, ...headers }, body, sessionHeaders: {} };
  }
  const { headers } = await openSession(gateway.url, revision === undefined ? {} : { revision });
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'mine', method, params });
  return { headers: { ...common, ...headers }, body, sessionHeaders: headers };
}

/** The whole body; rejects when it broke off. */
async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function recordsOf(
  events: readonly GatewayEvent[],
  method = 'tools/call',
): [outcome: string, code: string | undefined][] {
  return events.flatMap((event) =>
    event.type === 'exchange' && event.record.method === method ? [[event.record.outcome, event.record.code]] : [],
  );
}

async function start(era: ClientEra, answer: Answer, more: Partial<LibraryConfig> = {}, upstreamMore: object = {}) {
  const upstream = await startScripted(serverOf(era, answer));
  const gateway = await startGateway({ upstreams: { it: { url: upstream.url, ...upstreamMore } }, ...more });
  return {
    upstream,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await upstream.close();
    },
  };
}

/** Writes an answer in two parts, the second when it is let. `length`: says how long it will be. */
function inHalves(era: ClientEra, length: boolean, gate: Promise<void>, tail = '}'): Answer {
  return (request, response) => {
    const [first, second] = halves(era);
    const whole = resultOf(request, first + second).slice(0, -1) + tail;
    const head = {
      'content-type': 'application/json',
      ...(length ? { 'content-length': Buffer.byteLength(whole) } : {}),
    };
    const cut = whole.length - second.length - tail.length;
    response.writeHead(200, head).write(whole.slice(0, cut));
    void gate.then(() => response.end(whole.slice(cut)));
  };
}

describe.each(ERAS)('to %s clients', (era) => {
  it.each([true, false])(
    'the first half is there before the server has written the second (length known: %s)',
    async (length) => {
      const gate = Promise.withResolvers<void>();
      await using it = await start(era, inHalves(era, length, gate.promise));
      const { headers, body } = await asking(it.gateway, era);
      const response = await open('POST', it.gateway.url, headers, body).response;
      expect(response.headers['content-type']).toBe('application/json');
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      const wanted = `{"jsonrpc":"2.0","id":"mine","result":${halves(era).join('')}}`;
      await vi.waitFor(() => expect(Buffer.concat(chunks).length).toBeGreaterThan(200_000), PATIENT);
      expect(recordsOf(it.gateway.events)).toEqual([]);
      gate.resolve();
      await new Promise((resolve) => response.once('end', resolve));
      expect(Buffer.concat(chunks).toString()).toBe(wanted);
      expect(response.headers['content-length']).toBe(length ? String(Buffer.byteLength(wanted)) : undefined);
      expect(recordsOf(it.gateway.events)).toEqual([['ok', undefined]]);
    },
  );

  it('what stands behind the result does not change how long the answer is said to be', async () => {
    await using it = await start(era, inHalves(era, true, Promise.resolve(), ' ,"x":[1, 2]}\r\n  '));
    const { headers, body } = await asking(it.gateway, era);
    const { text } = await post(it.gateway.url, body, headers);
    expect(text.trimEnd().replace(/ *\}$/, '}')).toBe(`{"jsonrpc":"2.0","id":"mine","result":${halves(era).join('')}}`);
    // On the same connection the next answer would be read from what is left of this one.
    expect((await post(it.gateway.url, body, headers)).status).toBe(200);
  });

  // Attack: a server answers a request of its own caller, and makes the client's parser believe with the last word that it answered a request to another server.
  it.each([
    ',"id":2}',
    ',"i\\u0064":2}',
    ',"result":{"content":[]}}',
    ',"error":{"code":1,"message":"x"}}',
    ',"method":"ping"}',
    ',"jsonrpc":"1.0"}',
    '',
    ']',
  ])('an answer that ends with %j never looks like one', async (tail) => {
    const gate = Promise.withResolvers<void>();
    await using it = await start(era, inHalves(era, false, gate.promise, tail));
    const { headers, body } = await asking(it.gateway, era);
    const response = await open('POST', it.gateway.url, headers, body).response;
    gate.resolve();
    await expect(read(response)).rejects.toThrow('aborted');
    expect(recordsOf(it.gateway.events)).toEqual([['failed', 'upstream.invalid']]);
  });

  // Attack: a lenient parser takes the comment for one, sees the value end before ours does, and believes the id behind it.
  it('an answer that is no JSON half way never looks like one', async () => {
    const [first] = halves(era);
    await using it = await start(era, (request, response) => {
      response.end(resultOf(request, `${first}1]/*"*/},"id":2,"x":{"y":"*/"}`));
    });
    const { headers, body } = await asking(it.gateway, era);
    await expect(open('POST', it.gateway.url, headers, body).response.then(read)).rejects.toThrow();
    expect(recordsOf(it.gateway.events)).toEqual([['failed', 'upstream.invalid']]);
  });

  it.each([true, false])(
    'what breaks off never looks whole, and is not asked for again (length known: %s)',
    async (length) => {
      await using it = await start(era, (request, response) => {
        const text = resultOf(request, halves(era).join(''));
        response.writeHead(200, length ? { 'content-length': Buffer.byteLength(text) } : {});
        response.write(text.slice(0, 300_000), () => response.destroy());
      });
      // A read changes nothing, so it is sent again where nothing of an answer was seen: here the client has half of one.
      const { headers, body } = await asking(it.gateway, era, 'resources/read');
      await expect(open('POST', it.gateway.url, headers, body).response.then(read)).rejects.toThrow('aborted');
      expect(recordsOf(it.gateway.events, 'resources/read')).toEqual([['failed', 'upstream.lost']]);
      expect(it.upstream.calls('resources/read')).toHaveLength(1);
    },
  );

  it('what grows beyond the largest answer is cut off', async () => {
    await using it = await start(
      era,
      (request, response) => {
        response.write(resultOf(request, halves(era).join('')).slice(0, -2));
        const more = (): unknown =>
          !response.destroyed && response.write(`,${'1,'.repeat(50_000)}1`, () => setImmediate(more));
        more();
      },
      { limits: { resultBytes: '1MiB' } },
    );
    const { headers, body } = await asking(it.gateway, era);
    await expect(open('POST', it.gateway.url, headers, body).response.then(read)).rejects.toThrow('aborted');
    expect(recordsOf(it.gateway.events)).toEqual([['failed', 'upstream.too-large']]);
  });

  it('what stops half way fails at the deadline of the request', async () => {
    const never = new Promise<void>(() => undefined);
    await using it = await start(era, inHalves(era, true, never), {}, { limits: { requestTimeout: '1s' } });
    const { headers, body } = await asking(it.gateway, era);
    await expect(open('POST', it.gateway.url, headers, body).response.then(read)).rejects.toThrow('aborted');
    expect(recordsOf(it.gateway.events)).toEqual([['failed', 'upstream.timeout']]);
  });

  // What is unusual is seen whole first, as ever.
  it.each<[string, (id: string, result: string) => string]>([
    ['its id behind its result', (id, result) => `{"jsonrpc":"2.0","result":${result},"id":${id}}`],
    ['its result in a key with escapes', (id, result) => `{"jsonrpc":"2.0","id":${id},"res\\u0075lt":${result}}`],
    [
      'a long member before its result',
      (id, result) => `{"x":"${'x'.repeat(5_000)}","jsonrpc":"2.0","id":${id},"result":${result}}`,
    ],
    ['a byte order mark', (id, result) => `\ufeff{"jsonrpc":"2.0","id":${id},"result":${result}}`],
    ['an id that became a string', (id, result) => `{"jsonrpc":"2.0","id":"${id}","result":${result}}`],
  ])('an answer with %s arrives', async (_name, write) => {
    await using it = await start(era, (request, response) => {
      response.end(write(JSON.stringify(request.message?.['id']), halves(era).join('')));
    });
    const { headers, body } = await asking(it.gateway, era);
    const { text } = await post(it.gateway.url, body, headers);
    expect(text).toBe(`{"jsonrpc":"2.0","id":"mine","result":${halves(era).join('')}}`);
  });

  // Attack: white space around makes a small broken result look like one that is too large to be checked.
  it('a small result in a large answer is checked as ever', async () => {
    await using it = await start(era, (request, response) => {
      const pad = ' '.repeat(100_000);
      response.end(
        `{"jsonrpc":"2.0","id":${JSON.stringify(request.message?.['id'])}, "result":{"content":[1,,2]}${pad}}${pad}`,
      );
    });
    const { headers, body } = await asking(it.gateway, era);
    expect(at((await post(it.gateway.url, body, headers)).json(), 'error')).toBeDefined();
    expect(recordsOf(it.gateway.events)).toEqual([['failed', 'upstream.invalid']]);
  });

  it('a client that takes event streams alone gets one event', async () => {
    await using it = await start(era, inHalves(era, true, Promise.resolve()));
    const { headers, body } = await asking(it.gateway, era);
    const answer = await post(it.gateway.url, body, { ...headers, accept: 'text/event-stream' });
    expect(answer.events().at(-1)?.data).toBe(`{"jsonrpc":"2.0","id":"mine","result":${halves(era).join('')}}`);
  });

  // Attack: for HTTP/1.0 (nginx as a proxy, by default) a body without a length is over when the connection is: half of one would look whole.
  it('a client of HTTP/1.0 gets an answer with a length', async () => {
    await using it = await start(era, inHalves(era, false, Promise.resolve()));
    const { headers, body } = await asking(it.gateway, era);
    const url = new URL(it.gateway.url);
    const socket = connect(Number(url.port), url.hostname);
    const lines = Object.entries({ ...headers, 'content-length': Buffer.byteLength(body) }).map(
      ([k, v]) => `${k}: ${v}`,
    );
    socket.write(`POST /mcp HTTP/1.0\r\nhost: 127.0.0.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const [head = '', text = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
    expect(text).toBe(`{"jsonrpc":"2.0","id":"mine","result":${halves(era).join('')}}`);
    expect(head.toLowerCase()).toContain(`content-length: ${Buffer.byteLength(text)}`);
  });
});

describe('while a result is passed on', () => {
  it('a modern client that leaves has cancelled, and the server is not read on', async () => {
    const never = new Promise<void>(() => undefined);
    const closed = Promise.withResolvers<void>();
    await using it = await start('modern', (request, response) => {
      response.once('close', () => closed.resolve());
      inHalves('modern', true, never)(request, response);
    });
    const { headers, body } = await asking(it.gateway, 'modern');
    const { response, sent } = open('POST', it.gateway.url, headers, body);
    (await response).once('data', () => sent.destroy());
    await closed.promise;
    await vi.waitFor(() => expect(recordsOf(it.gateway.events)).toEqual([['cancelled', undefined]]), PATIENT);
  });

  it('a legacy client that leaves has not cancelled: the call goes on to its end', async () => {
    const gate = Promise.withResolvers<void>();
    await using it = await start('legacy', inHalves('legacy', true, gate.promise));
    const { headers, body } = await asking(it.gateway, 'legacy');
    const { response, sent } = open('POST', it.gateway.url, headers, body);
    const received = await response;
    received.on('error', () => undefined).once('data', () => sent.destroy());
    await new Promise((resolve) => received.once('close', resolve));
    gate.resolve();
    await vi.waitFor(() => expect(recordsOf(it.gateway.events)).toEqual([['ok', undefined]]), PATIENT);
  });

  it.each(['notifications/cancelled', 'DELETE'])('%s breaks it off', async (how) => {
    const never = new Promise<void>(() => undefined);
    await using it = await start('legacy', inHalves('legacy', true, never));
    const { headers, body, sessionHeaders } = await asking(it.gateway, 'legacy');
    const response = await open('POST', it.gateway.url, headers, body).response;
    const cut = expect(read(response)).rejects.toThrow('aborted');
    if (how === 'DELETE') await open('DELETE', it.gateway.url, sessionHeaders).response;
    else await post(it.gateway.url, { jsonrpc: '2.0', method: how, params: { requestId: 'mine' } }, sessionHeaders);
    await cut;
    expect(recordsOf(it.gateway.events)).toEqual([['cancelled', undefined]]);
  });

  // Attack: a second answer on the server's GET stream would be written into the middle of the first.
  it('another answer to the same request is not heard', async () => {
    const gate = Promise.withResolvers<void>();
    let feed: ServerResponse | undefined;
    const script = serverOf('legacy', (request, response) => {
      inHalves('legacy', true, gate.promise)(request, response);
      feed?.write(`data: ${resultOf(request, { content: [] })}\n\n`, () => setTimeout(gate.resolve, 50));
    });
    await using upstream = await startScripted((request, response) => {
      if (request.verb !== 'GET') return script(request, response);
      beginStream(response);
      response.write(': open\n\n');
      feed = response;
    });
    await using gateway = await startGateway({ upstreams: { it: { url: upstream.url } } });
    // A client that can be asked makes the gateway open the server's stream before the call.
    const { headers } = await openSession(gateway.url, { capabilities: { elicitation: {} } });
    const { text } = await post(
      gateway.url,
      { jsonrpc: '2.0', id: 'mine', method: 'tools/call', params: { name: 'act', arguments: {} } },
      headers,
    );
    expect(feed).toBeDefined();
    expect(text).toBe(`{"jsonrpc":"2.0","id":"mine","result":${halves('legacy').join('')}}`);
    expect(recordsOf(gateway.events)).toEqual([['ok', undefined]]);
  });
});

describe('what a client of another revision must be told otherwise', () => {
  it('passes as it comes where nothing has to change', async () => {
    const gate = Promise.withResolvers<void>();
    await using it = await start('legacy', inHalves('legacy', true, gate.promise));
    const { headers, body } = await asking(it.gateway, 'legacy', 'tools/call', '2025-06-18');
    const response = await open('POST', it.gateway.url, headers, body).response;
    gate.resolve();
    expect(await read(response)).toBe(`{"jsonrpc":"2.0","id":"mine","result":${halves('legacy').join('')}}`);
  });

  it('is seen whole and changed', async () => {
    const link = { type: 'resource_link', uri: 'test://a', name: 'a' };
    await using it = await start('legacy', (request, response) => {
      response.end(resultOf(request, { content: [{ type: 'text', text: HALF }, link] }));
    });
    const { headers, body } = await asking(it.gateway, 'legacy', 'tools/call', '2025-03-26');
    const { text } = await post(it.gateway.url, body, headers);
    expect(textAt(JSON.parse(text), 'result', 'content', 1, 'type')).toBe('text');
  });

  it.each([
    ['legacy', 'modern'],
    ['modern', 'legacy'],
  ] as const)('crosses from a %s server to a %s client', async (server, client) => {
    await using it = await start(server, inHalves(server, true, Promise.resolve()));
    const { headers, body } = await asking(it.gateway, client);
    const message = (await post(it.gateway.url, body, headers)).json();
    expect(at(message, 'result', 'content', 1, 'text')).toBe(HALF);
    expect(at(message, 'result', 'resultType')).toBe(client === 'modern' ? 'complete' : undefined);
    expect(at(message, 'result', '_meta', META.serverInfo) === undefined).toBe(client === 'legacy');
  });
});
