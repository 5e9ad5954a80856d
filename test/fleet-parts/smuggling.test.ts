import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { isGatewayError } from '../../packages/breakwater/src/core/errors.ts';
import { deriveKeys } from '../../packages/breakwater/src/fleet/keys.ts';
import { LiveStream } from '../../packages/breakwater/src/fleet/live-stream.ts';
import { writeMark } from '../../packages/breakwater/src/fleet/peer-headers.ts';
import { framingOf, PeerSeal } from '../../packages/breakwater/src/fleet/peer-seal.ts';
import { connectPeer, serverTls } from '../../packages/breakwater/src/fleet/peer-tls.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { RealTime, TestFleet } from './nodes.ts';
import { type PartNode, SECRET, startNode, toolsUpstream, until } from './support.ts';

const UPSTREAM = toolsUpstream('/dev/null');
const ANN = { key: 'ann', personal: true };
const LIMIT_MS = 20_000;

/** What a peer would say of a request, were it said by one. */
const FORGED = Buffer.from(
  JSON.stringify({
    node: 'zzzzzzzzzz',
    principal: { key: 'root', personal: true },
    remoteAddress: '192.0.2.66',
    protocol: 'https',
  }),
).toString('base64url');
/** The second request that the attacker hides in the first one. */
const INNER = `POST /smuggled HTTP/1.1\r\nHost: localhost\r\nBreakwater-Peer: ${FORGED}\r\nContent-Length: 2\r\n\r\n{}`;
const LENGTH = INNER.length;

/** Sends bytes as they are, the later pieces once something was answered; resolves with everything that came back until the connection ended. */
async function speak(port: number, ...pieces: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1');
  });
  const [first = '', ...later] = pieces;
  socket.write(first, 'latin1');
  for (const piece of later) {
    await once(socket, 'data');
    socket.write(piece, 'latin1');
  }
  const timer = setTimeout(() => socket.destroy(), LIMIT_MS);
  await once(socket, 'close');
  clearTimeout(timer);
  return answer;
}

/** Sends bytes as they are, and leaves when the answer has begun: it may be a stream. */
async function begin(port: number, bytes: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(bytes, 'latin1');
  await Promise.race([once(socket, 'data'), once(socket, 'close')]);
  socket.destroy();
}

/** A node that passes on all it gets to a second one, which notes what arrives and answers with its target. */
async function pair(): Promise<{ port: number; arrived: string[] } & AsyncDisposable> {
  const store = new MemoryStore(systemClock);
  const arrived: string[] = [];
  const front = await startNode(store, { upstream: UPSTREAM });
  const back: PartNode = await startNode(store, {
    upstream: UPSTREAM,
    onForwarded: async (request, response, { principal }) => {
      // A request that is cut off on its way never becomes whole.
      const body = await textOf(request).catch(() => undefined);
      if (body === undefined) return;
      arrived.push(`${principal.key} ${request.method} ${request.url} ${body}`.trim());
      response.end(`answer to ${request.url}`);
    },
  });
  const server = createServer(async (request, response) => {
    const facts = { principal: ANN, remoteAddress: '192.0.2.7', protocol: 'http', host: undefined } as const;
    const passed = await front.fleet
      .forward(back.fleet.tags.node, request, response, facts)
      .catch((error: unknown) => (isGatewayError(error) ? error.code : String(error)));
    if (!response.headersSent) response.writeHead(599).end(String(passed));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    arrived,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await front.close();
      await back.close();
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const head = (line: string, ...fields: readonly string[]): string =>
  [`${line} HTTP/1.1`, 'Host: localhost', ...fields, '', ''].join('\r\n');
const chunked = (text: string, trailers = ''): string =>
  `${text.length.toString(16)}\r\n${text}\r\n0\r\n${trailers}\r\n`;

/** Requests whose end a careless node may see elsewhere than the next one. `whole`: the one request that may arrive, when it is one at all. */
const ATTACKS: readonly { name: string; pieces: readonly string[]; whole: string | undefined }[] = [
  {
    name: 'GET whose Content-Length is named in Connection',
    pieces: [head('GET /first', 'Connection: close, content-length', `Content-Length: ${LENGTH}`) + INNER],
    whole: 'ann GET /first',
  },
  {
    name: 'GET that resumes a stream, likewise, in capitals and tabs',
    pieces: [
      head('GET /first', 'Last-Event-ID: 1', 'Connection: close,\tCONTENT-LENGTH ', `Content-Length: ${LENGTH}`) +
        INNER,
    ],
    whole: 'ann GET /first',
  },
  {
    name: 'DELETE whose Content-Length is named in a Connection header of its own',
    pieces: [
      head('DELETE /first', 'Connection: close', 'Connection: Content-Length', `Content-Length: ${LENGTH}`) + INNER,
    ],
    whole: 'ann DELETE /first',
  },
  {
    name: 'HEAD likewise',
    pieces: [head('HEAD /first', 'Connection: close, content-length', `Content-Length: ${LENGTH}`) + INNER],
    whole: 'ann HEAD /first',
  },
  {
    name: 'OPTIONS likewise',
    pieces: [head('OPTIONS /first', 'Connection: close, content-length', `Content-Length: ${LENGTH}`) + INNER],
    whole: 'ann OPTIONS /first',
  },
  {
    name: 'POST likewise: its body is its body',
    pieces: [head('POST /first', 'Connection: close, content-length', `Content-Length: ${LENGTH}`) + INNER],
    whole: `ann POST /first ${INNER}`,
  },
  {
    name: 'GET whose Transfer-Encoding is named in Connection',
    pieces: [head('GET /first', 'Connection: close, transfer-encoding', 'Transfer-Encoding: chunked') + chunked(INNER)],
    whole: 'ann GET /first',
  },
  {
    name: 'POST whose Transfer-Encoding is named in Connection',
    pieces: [
      head('POST /first', 'Connection: close, Transfer-Encoding', 'Transfer-Encoding: chunked') + chunked(INNER),
    ],
    whole: `ann POST /first ${INNER}`,
  },
  {
    name: 'GET with a body in chunks',
    pieces: [head('GET /first', 'Connection: close', 'Transfer-Encoding: chunked') + chunked(INNER)],
    whole: 'ann GET /first',
  },
  {
    name: 'GET whose body comes after its answer',
    pieces: [head('GET /first', 'Connection: close, content-length', `Content-Length: ${LENGTH}`), INNER],
    whole: 'ann GET /first',
  },
  {
    name: 'POST whose Host is named in Connection',
    pieces: [`${head('POST /first', 'Connection: close, host', 'Content-Length: 2')}{}`],
    whole: 'ann POST /first {}',
  },
  {
    name: 'both lengths, the chunked one first',
    pieces: [head('POST /first', 'Transfer-Encoding: chunked', `Content-Length: ${LENGTH}`) + chunked(INNER)],
    whole: undefined,
  },
  {
    name: 'both lengths, the counted one first, each named in Connection',
    pieces: [
      head('POST /first', 'Connection: content-length', 'Content-Length: 5', 'Transfer-Encoding: chunked') +
        `0\r\n\r\n${INNER}`,
    ],
    whole: undefined,
  },
  {
    name: 'two lengths that differ',
    pieces: [head('GET /first', 'Content-Length: 0', `Content-Length: ${LENGTH}`) + INNER],
    whole: undefined,
  },
  {
    name: 'two lengths that agree, both named in Connection',
    pieces: [
      head('GET /first', 'Connection: content-length', `Content-Length: ${LENGTH}`, `Content-Length: ${LENGTH}`) +
        INNER,
    ],
    whole: undefined,
  },
  {
    name: 'a length written as a list',
    pieces: [head('POST /first', `Content-Length: ${LENGTH}, ${LENGTH}`) + INNER],
    whole: undefined,
  },
  {
    name: 'a coding that nobody knows, before chunked',
    pieces: [head('POST /first', 'Connection: close', 'Transfer-Encoding: x, chunked') + chunked(INNER)],
    whole: `ann POST /first ${INNER}`,
  },
  {
    name: 'a coding that ends with something else than chunked',
    pieces: [head('POST /first', 'Connection: close', 'Transfer-Encoding: chunked, x') + chunked(INNER)],
    whole: undefined,
  },
  {
    name: 'a length behind a folded line',
    pieces: [head('GET /first', 'X-Folded: 1', ` Content-Length: ${LENGTH}`, 'Connection: close') + INNER],
    whole: undefined,
  },
  {
    name: 'Connection that names the length behind a folded line',
    pieces: [head('DELETE /first', 'Connection: close,', ' content-length', `Content-Length: ${LENGTH}`) + INNER],
    whole: undefined,
  },
  {
    name: 'a length with a blank before its colon',
    pieces: [head('POST /first', `Content-Length : ${LENGTH}`) + INNER],
    whole: undefined,
  },
  {
    name: 'trailers that speak for a peer',
    pieces: [
      head('POST /first', 'Connection: close', 'Transfer-Encoding: chunked', 'Trailer: Breakwater-Peer') +
        chunked('{}', `Breakwater-Peer: ${FORGED}\r\n`),
    ],
    whole: 'ann POST /first {}',
  },
  {
    name: 'trailers that speak of lengths',
    pieces: [
      head('POST /first', 'Connection: close, trailer', 'Transfer-Encoding: chunked') +
        chunked('{}', `Content-Length: ${LENGTH}\r\n`),
    ],
    whole: undefined,
  },
  {
    name: 'GET that expects to be told to go on, with the length named in Connection',
    pieces: [
      head('GET /first', 'Connection: close, content-length', 'Expect: 100-continue', `Content-Length: ${LENGTH}`),
      INNER,
    ],
    whole: 'ann GET /first',
  },
  {
    name: 'an offer of another protocol',
    pieces: [
      head('GET /first', 'Connection: upgrade, content-length', 'Upgrade: h2c', `Content-Length: ${LENGTH}`) + INNER,
    ],
    whole: 'ann GET /first',
  },
];

test.each(ATTACKS)(
  'attack: $name: no second request reaches the other node, and nobody gets the answer to it',
  async ({ pieces, whole }) => {
    await using nodes = await pair();
    // A connection between the nodes is there to be reused.
    expect(await speak(nodes.port, head('GET /before', 'Connection: close'))).toContain('answer to /before');
    const attack = speak(nodes.port, ...pieces);
    // Some are answered on a connection that stays open: what follows says when all of it was read.
    const victims = ['/one', '/two', '/three', '/four'];
    const answered: boolean[] = [];
    if (whole?.includes('Connection: close') !== false) await Promise.race([attack, settled(nodes.arrived, whole)]);
    for (const path of victims) {
      const answer = await speak(nodes.port, head(`GET ${path}`, 'Connection: close'));
      answered.push(answer.endsWith(`answer to ${path}`) || answer.includes(`answer to ${path}\r\n`));
    }
    expect(answered).toEqual(victims.map(() => true));
    const others = nodes.arrived.filter((line) => line !== 'ann GET /before' && !victims.includes(line.slice(8)));
    expect(others.filter((line) => line.startsWith('root') || /^\S+ \S+ \/smuggled/.test(line))).toEqual([]);
    expect(others).toEqual(whole === undefined ? [] : [whole]);
  },
);

async function settled(arrived: readonly string[], whole: string | undefined): Promise<void> {
  const limit = Date.now() + LIMIT_MS;
  while (whole !== undefined && !arrived.includes(whole) && Date.now() < limit)
    await new Promise((resolve) => setTimeout(resolve, 5));
}

test('attack: a second request hidden in GET, DELETE and calls over REST, on the gateway itself', async () => {
  await using fleet = new TestFleet((clock) => new MemoryStore(clock), new RealTime());
  const a = await fleet.join();
  const b = await fleet.join();
  const names = 'Connection: close, content-length';
  const length = `Content-Length: ${LENGTH}`;
  const targets = [
    head(`GET /api/calls/${b.name}.x`, names, length),
    head(`DELETE /api/calls/${b.name}.x`, names, length),
    head('GET /mcp', 'Accept: text/event-stream', `Last-Event-ID: ${b.name}.x-1`, names, length),
    head(`GET /messages?sessionId=${b.name}.x`, names, length),
    head(`POST /messages?sessionId=${b.name}.x`, names, length),
  ];
  for (const target of targets) {
    const before = b.passedOn.length;
    await begin(a.harness.port, target + INNER);
    // Whatever was hidden comes before this on the connections between the nodes.
    const answer = await speak(a.harness.port, head(`GET /api/calls/${b.name}.y`, 'Connection: close'));
    expect(answer, target).toMatch(/^HTTP\/1\.1 404 /);
    expect(b.passedOn.slice(before).length, target).toBeLessThanOrEqual(2);
  }
  expect(b.passedOn.length).toBeGreaterThan(targets.length);
  expect(b.harness.handler.seen).toEqual([]);
});

/** A connection to a peer port as a node has it. */
async function dial(node: PartNode): Promise<{ stream: LiveStream; seal: PeerSeal; answer: () => string }> {
  const socket = await connectPeer(node.fleet.address, deriveKeys([SECRET]).peer, systemClock);
  const stream = PeerSeal.give(new LiveStream(socket, systemClock, 'asking'), socket);
  let answer = '';
  stream.on('data', (bytes: Buffer) => {
    answer += bytes.toString('latin1');
  });
  return { stream, seal: PeerSeal.of(stream), answer: () => answer };
}

const WORD = writeMark({ node: 'aaaaaaaaaa', principal: ANN, remoteAddress: '::1', protocol: 'http', host: undefined });
const asked = (sealed: string, line = 'GET /x', ...fields: readonly string[]): string =>
  head(line, ...fields, `Breakwater-Peer: ${sealed}`);
const GET_X = { method: 'GET', path: '/x', framing: framingOf({}) };

test('attack: bytes on a connection between nodes that its end did not seal are nobody’s request, and end the connection', async () => {
  const arrived: string[] = [];
  await using node = await startNode(new MemoryStore(systemClock), {
    upstream: UPSTREAM,
    onForwarded: (request, response) => {
      arrived.push(`${request.method} ${request.url}`);
      response.end('ok');
    },
  });
  const other = await dial(node);
  const slipped: readonly ((seal: PeerSeal) => string)[] = [
    // Somebody who knows how a mark is written, and not the key.
    () => asked(FORGED),
    () => asked(`1.${Buffer.from(WORD).toString('base64url')}.${'A'.repeat(43)}`),
    () => head('GET /x'),
    // The word of another connection.
    () => asked(other.seal.close(WORD, GET_X)),
    // The right word for another request.
    (seal) => asked(seal.close(WORD, GET_X), 'GET /y'),
    (seal) => asked(seal.close(WORD, GET_X), 'DELETE /x'),
    (seal) => `${asked(seal.close(WORD, GET_X), 'GET /x', 'Content-Length: 2')}{}`,
    (seal) => asked(seal.close(WORD, GET_X), 'GET /x', 'Transfer-Encoding: chunked'),
    // No mark at all, rightly sealed.
    (seal) => asked(seal.close('{}', GET_X)),
    // A handle without a seal, and with the seal of a request.
    () => head('GET /', 'Connection: Upgrade', 'Upgrade: breakwater-handle-1'),
    (seal) =>
      asked(seal.close(WORD, { ...GET_X, path: '/' }), 'GET /', 'Connection: Upgrade', 'Upgrade: breakwater-handle-1'),
  ];
  for (const slip of slipped) {
    const { stream, seal, answer } = await dial(node);
    stream.write(slip(seal));
    await once(stream, 'close');
    expect(answer()).toBe('');
  }
  expect(arrived).toEqual([]);
  other.stream.destroy();
});

test('attack: a request that was sealed is served once, however often it is repeated on its connection', async () => {
  const arrived: string[] = [];
  await using node = await startNode(new MemoryStore(systemClock), {
    upstream: UPSTREAM,
    onForwarded: (request, response) => {
      arrived.push(`${request.method} ${request.url}`);
      response.end('ok');
    },
  });
  const { stream, seal, answer } = await dial(node);
  const sealed = asked(seal.close(WORD, GET_X));
  const next = asked(seal.close(WORD, GET_X));
  stream.write(sealed);
  stream.write(next);
  await until('both are answered', () => answer().split('HTTP/1.1 200').length === 3);
  stream.write(sealed);
  await once(stream, 'close');
  expect(arrived).toEqual(['GET /x', 'GET /x']);
});

test('a connection between nodes that serves many requests one after another gathers nothing', async () => {
  const warnings: string[] = [];
  const note = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', note);
  onTestFinished(() => void process.off('warning', note));
  await using nodes = await pair();
  for (let at = 0; at < 15; at++) await speak(nodes.port, head(`GET /${at}`, 'Connection: close'));
  expect(nodes.arrived).toHaveLength(15);
  expect(warnings).toEqual([]);
});

test('attack: an answer that belongs to another request is given to nobody', async () => {
  const store = new MemoryStore(systemClock);
  await using front = await startNode(store, { upstream: UPSTREAM });
  // A node that has the secret and lost count.
  const http = createServer((_request, response) => {
    response.setHeader('Breakwater-Peer', '7');
    response.end('for somebody else');
  });
  const tls = createTlsServer(serverTls(deriveKeys([SECRET]).peer), (socket) => {
    http.emit('connection', new LiveStream(socket, systemClock, 'working'));
  });
  tls.listen(0, '127.0.0.1');
  await once(tls, 'listening');
  const { port } = tls.address() as AddressInfo;
  await store.write('{n:confused00}', { address: Buffer.from(`${port} 127.0.0.1`) }, 60_000);
  const { promise: passed, resolve } = Promise.withResolvers<unknown>();
  const server = createServer((request, response) => {
    const facts = { principal: ANN, remoteAddress: '', protocol: 'http', host: undefined } as const;
    front.fleet.forward('confused00', request, response, facts).then(resolve, (error: unknown) => {
      resolve(isGatewayError(error) ? error.code : error);
      response.writeHead(599).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answer = await speak((server.address() as AddressInfo).port, head('GET /x', 'Connection: close'));
  expect(answer).toMatch(/^HTTP\/1\.1 599 /);
  expect(answer).not.toContain('somebody else');
  expect(await passed).toBe('fleet.node-lost');
  server.close();
  tls.close();
});

test('attack: an upload that is answered before its end leaves no connection on which the rest of it is taken for a request', async () => {
  const store = new MemoryStore(systemClock);
  const arrived: string[] = [];
  const sockets = new Set<unknown>();
  await using front = await startNode(store, { upstream: UPSTREAM });
  await using back = await startNode(store, {
    upstream: UPSTREAM,
    onForwarded: (request, response) => {
      arrived.push(`${request.method} ${request.url}`);
      sockets.add(request.socket);
      response.writeHead(413).end('too long');
    },
  });
  const server = createServer((request, response) => {
    const facts = { principal: ANN, remoteAddress: '', protocol: 'http', host: undefined } as const;
    void front.fleet.forward(back.fleet.tags.node, request, response, facts);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1');
  });
  const whole = INNER + 'x'.repeat(1_000);
  socket.write(head('POST /upload', `Content-Length: ${whole.length}`) + INNER);
  await until('it is refused', () => answer.includes('too long'));
  // The connection between the nodes is gone with what was not sent on it; the client's own goes on.
  socket.write(`${'x'.repeat(1_000)}${head('GET /next')}`);
  await until('the next one is served', () => arrived.length === 2);
  expect(arrived).toEqual(['POST /upload', 'GET /next']);
  expect(sockets.size).toBe(2);
  socket.destroy();
  server.close();
});
