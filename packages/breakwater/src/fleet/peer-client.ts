import type { ClientRequest, Agent as HttpAgent, IncomingMessage, ServerResponse } from 'node:http';
import { type Duplex, pipeline } from 'node:stream';
import { GatewayError } from '../core/errors.ts';
import type { Clock, Timer } from '../core/ports.ts';
import type { Directory, PeerAddress } from './directory.ts';
import type { ForwardFacts } from './fleet.ts';
import type { PeerStream } from './frame-link.ts';
import type { FleetKeys } from './keys.ts';
import { LiveStream } from './live-stream.ts';
import { PEER_HEADER, passedHeaders, writeMark } from './peer-headers.ts';
import { framingOf, PeerSeal } from './peer-seal.ts';
import { HANDLE_PROTOCOL } from './peer-server.ts';
import { connectPeer } from './peer-tls.ts';

// Not by import: that would load all of Node's `fetch` (listen/listener.ts).
const { Agent, request: send } = process.getBuiltinModule('node:http');

/** What a peer client works with. */
export interface PeerClientOptions {
  readonly clock: Clock;
  readonly keys: FleetKeys['peer'];
  readonly directory: Directory;
  readonly node: string;
}

const MAX_HEADER_BYTES = 64 * 1024;
const IDLE_MS = 20_000;
const SPARE_CONNECTIONS = 32;
/** Most requests that are with other nodes at one time. */
const MAX_OPEN = 8_000;
const ANSWER_MS = 2_000;

/** Speaks to the peer ports of other nodes. */
export class PeerClient {
  readonly #options: PeerClientOptions;
  readonly #agent: HttpAgent;
  readonly #open = new Set<ClientRequest>();

  constructor(options: PeerClientOptions) {
    this.#options = options;
    this.#agent = new PeerAgent(options);
  }

  /** See `Fleet.forward`. */
  async forward(
    node: string,
    request: IncomingMessage,
    response: ServerResponse,
    facts: ForwardFacts,
  ): Promise<boolean> {
    const address = await this.#options.directory.find(node);
    if (address === undefined) return false;
    if (this.#open.size >= MAX_OPEN) throw new GatewayError('gateway.overloaded');
    const onward = this.#send(address, request.method ?? 'GET', request.url ?? '/');
    const mark = writeMark({ ...facts, node: this.#options.node });
    const isPassed = await passOn({ onward, mark, request, response, body: facts.body });
    if (!isPassed) this.#options.directory.forget(node);
    return isPassed;
  }

  /** Opens a stream of frames. Rejects with `fleet.owner-gone` when the node is not there. */
  async openStream(node: string): Promise<PeerStream> {
    const { directory, keys, clock } = this.#options;
    const address = await directory.find(node);
    if (address === undefined) throw new GatewayError('fleet.owner-gone', { cause: 'its address is not known' });
    let stream: Duplex;
    try {
      stream = await connectLive(address, keys, clock);
    } catch (error) {
      directory.forget(node);
      throw error;
    }
    return await upgrade(stream, address, clock);
  }

  close(): void {
    for (const request of this.#open) request.destroy(new GatewayError('fleet.node-lost'));
    this.#agent.destroy();
  }

  /** Without headers: they are written, and sealed, for the connection that it gets. */
  #send({ host, port }: PeerAddress, method: string, path: string): ClientRequest {
    const options = { method, path, host, port, setHost: false, maxHeaderSize: MAX_HEADER_BYTES };
    const request = send({ ...options, agent: this.#agent });
    this.#open.add(request);
    request.on('close', () => this.#open.delete(request));
    return request;
  }
}

async function connectLive(address: PeerAddress, keys: FleetKeys['peer'], clock: Clock): Promise<Duplex> {
  const socket = await connectPeer(address, keys, clock);
  return PeerSeal.give(new LiveStream(socket, clock, 'asking'), socket);
}

/** Connections to peer ports. A request gets its connection once the other side has proved that it holds the key. */
class PeerAgent extends Agent {
  readonly #options: PeerClientOptions;
  readonly #idle = new WeakMap<Duplex, Timer>();

  constructor(options: PeerClientOptions) {
    super({ keepAlive: true, maxFreeSockets: SPARE_CONNECTIONS, scheduling: 'lifo' });
    this.#options = options;
  }

  override createConnection(
    options: { host?: string | undefined; port?: number | string | undefined },
    onCreated: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const address = { host: options.host ?? '', port: Number(options.port) };
    connectLive(address, this.#options.keys, this.#options.clock).then(
      (stream) => {
        stream.once('close', () => this.#idle.get(stream)?.clear());
        onCreated(null, stream);
      },
      (error: Error) => onCreated(error, undefined as never),
    );
  }

  // Beats are traffic: a socket's own timeout would never come.
  override keepSocketAlive(stream: Duplex): boolean {
    // More came than was asked for: the next request must not take it for its answer.
    if (stream.readableLength > 0) return false;
    this.#idle.set(
      stream,
      this.#options.clock.after(IDLE_MS, () => stream.destroy()),
    );
    return true;
  }

  override reuseSocket(stream: Duplex, request: ClientRequest): void {
    this.#idle.get(stream)?.clear();
    super.reuseSocket(stream, request);
  }
}

/** A request on its way to another node. */
interface Onward {
  readonly onward: ClientRequest;
  readonly mark: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer | undefined;
}

/** Nothing in the gateway reads a body of these; without one, there is nothing whose end two nodes could see in different places. */
const BODILESS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/** Resolves true when the answer was passed on whole or its client has left, false when nothing was sent. */
function passOn(passing: Onward): Promise<boolean> {
  const { onward, request, response } = passing;
  return new Promise((resolve, reject) => {
    let isSent = false;
    let count: string | undefined;
    const onGone = (): void => {
      // The client left: whoever works for it stops.
      onward.destroy();
      resolve(true);
    };
    const onLost = (cause: unknown): void => {
      response.off('close', onGone);
      request.unpipe(onward);
      if (response.headersSent) response.destroy();
      if (response.headersSent || response.destroyed) resolve(true);
      else if (!isSent) resolve(false);
      else reject(new GatewayError('fleet.node-lost', { cause }));
    };
    response.once('close', onGone);
    onward.on('error', onLost);
    onward.on('socket', (stream) => {
      isSent = true;
      try {
        count = sendOn(passing, PeerSeal.of(stream));
      } catch (error) {
        // What one parser took can be nothing that may be written.
        onward.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    onward.on('response', (answer) => {
      if (count === undefined || answer.headers[PEER_HEADER] !== count) {
        onward.destroy();
        onLost(new Error('the answer is not to this request'));
        return;
      }
      response.off('close', onGone);
      response.writeHead(answer.statusCode ?? 502, passedHeaders(answer.rawHeaders));
      // An event stream may say nothing for long; its client waits for the head.
      response.flushHeaders();
      // A cut on either side cuts the other one: half an answer must not look like a whole one.
      pipeline(answer, response, () => {
        if (!onward.writableFinished) abandon(onward, request);
        resolve(true);
      });
    });
    if (response.destroyed) onGone();
  });
}

/** Writes a request with a head of our own making: what its sender says of its end counts for the first node alone. Returns the count of its seal. */
function sendOn({ onward, mark, request, body }: Onward, seal: PeerSeal): string {
  const isStreamed = body === undefined && hasBody(request);
  onward.appendHeader('Host', request.headers.host ?? `localhost:${request.socket.localPort ?? 80}`);
  const passed = passedHeaders(request.rawHeaders, ['content-length', 'host']);
  for (let at = 0; at + 1 < passed.length; at += 2) onward.appendHeader(passed[at] ?? '', passed[at + 1] ?? '');
  if (isStreamed) onward.appendHeader('Transfer-Encoding', 'chunked');
  else if (!BODILESS.has(request.method)) onward.appendHeader('Content-Length', `${body?.length ?? 0}`);
  const { method, path } = onward;
  onward.appendHeader(PEER_HEADER, seal.close(mark, { method, path, framing: framingOf(onward.getHeaders()) }));
  if (isStreamed) request.pipe(onward);
  else {
    // What is not passed on is read all the same: a connection that is not read does not say that its client has left.
    request.resume();
    onward.end(BODILESS.has(request.method) ? undefined : body);
  }
  return String(seal.last);
}

function hasBody({ method, headers }: IncomingMessage): boolean {
  if (BODILESS.has(method)) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** It was answered before it was whole: on this connection nobody could tell what comes next. */
function abandon(onward: ClientRequest, request: IncomingMessage): void {
  request.unpipe(onward);
  request.resume();
  onward.destroy();
}

function upgrade(socket: Duplex, { host, port }: PeerAddress, clock: Clock): Promise<PeerStream> {
  return new Promise((resolve, reject) => {
    const asked = { method: 'GET', path: '/' };
    const sealed = PeerSeal.of(socket).close(HANDLE_PROTOCOL, { ...asked, framing: framingOf({}) });
    const headers = ['Host', host, 'Connection', 'Upgrade', 'Upgrade', HANDLE_PROTOCOL, PEER_HEADER, sealed];
    const request = send({ ...asked, host, port, headers, createConnection: () => socket });
    const fail = (cause: unknown): void => {
      timer.clear();
      socket.destroy();
      reject(new GatewayError('fleet.owner-gone', { cause }));
    };
    const timer = clock.after(ANSWER_MS, () => fail(new Error('no answer from the peer port')));
    request.on('error', fail);
    // A node of another version.
    request.on('response', (answer) => fail(new Error(`the peer port answered ${answer.statusCode}`)));
    request.on('upgrade', (_answer, stream, head) => {
      timer.clear();
      resolve({ stream, head });
    });
    request.end();
  });
}
