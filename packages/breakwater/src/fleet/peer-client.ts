import { Agent, type ClientRequest, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import { type Duplex, pipeline } from 'node:stream';
import { GatewayError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import type { Directory, PeerAddress } from './directory.ts';
import type { ForwardFacts } from './fleet.ts';
import type { PeerStream } from './frame-link.ts';
import type { FleetKeys } from './keys.ts';
import { PEER_HEADER, passedHeaders, writeMark } from './peer-headers.ts';
import { ALIVE_PATH, HANDLE_PROTOCOL } from './peer-server.ts';
import { connectPeer } from './peer-tls.ts';
import { PeerWatch } from './peer-watch.ts';

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
  readonly #agent: Agent;
  readonly #watch: PeerWatch;
  readonly #open = new Set<ClientRequest>();

  constructor(options: PeerClientOptions) {
    this.#options = options;
    this.#agent = new PeerAgent(options);
    this.#watch = new PeerWatch(options.clock, (address) => this.#askAlive(address));
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
    const onward = this.#send(address, {
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      headers: [...headersOnward(request, facts.body), PEER_HEADER, writeMark({ ...facts, node: this.#options.node })],
    });
    const unwatch = this.#watch.expect(address, () => onward.destroy(new GatewayError('fleet.node-lost')));
    try {
      const isPassed = await passOn(onward, request, response, facts.body);
      if (!isPassed) this.#options.directory.forget(node);
      return isPassed;
    } finally {
      unwatch();
    }
  }

  /** Opens a stream of frames. Rejects with `fleet.owner-gone` when the node is not there. */
  async openStream(node: string): Promise<PeerStream> {
    const { directory, keys, clock } = this.#options;
    const address = await directory.find(node);
    if (address === undefined) throw new GatewayError('fleet.owner-gone', { cause: 'its address is not known' });
    let socket: Duplex;
    try {
      socket = await connectPeer(address, keys, clock);
    } catch (error) {
      directory.forget(node);
      throw error;
    }
    return await upgrade(socket, address, clock);
  }

  close(): void {
    for (const request of this.#open) request.destroy(new GatewayError('fleet.node-lost'));
    this.#agent.destroy();
  }

  #send({ host, port }: PeerAddress, options: { method: string; path: string; headers: string[] }): ClientRequest {
    const request = send({ ...options, host, port, agent: this.#agent, maxHeaderSize: MAX_HEADER_BYTES });
    this.#open.add(request);
    request.on('close', () => this.#open.delete(request));
    return request;
  }

  // By the address that is at work: a store out of reach must not end what runs between two nodes.
  async #askAlive(address: PeerAddress): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const request = this.#send(address, { method: 'GET', path: ALIVE_PATH, headers: ['host', address.host] });
      const timer = this.#options.clock.after(ANSWER_MS, () => request.destroy());
      request.on('response', (answer) => {
        answer.resume();
        answer.on('end', resolve);
      });
      request.on('error', reject);
      request.on('close', () => {
        timer.clear();
        reject(new GatewayError('fleet.node-lost'));
      });
      request.end();
    });
  }
}

/** Connections to peer ports. A request gets its connection once the other side has proved that it holds the key. */
class PeerAgent extends Agent {
  readonly #options: PeerClientOptions;

  constructor(options: PeerClientOptions) {
    super({ keepAlive: true, maxFreeSockets: SPARE_CONNECTIONS, timeout: IDLE_MS, scheduling: 'lifo' });
    this.#options = options;
  }

  override createConnection(
    options: { host?: string | undefined; port?: number | string | undefined },
    onCreated: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const address = { host: options.host ?? '', port: Number(options.port) };
    connectPeer(address, this.#options.keys, this.#options.clock).then(
      (socket) => onCreated(null, socket),
      (error: Error) => onCreated(error, undefined as never),
    );
  }
}

function headersOnward(request: IncomingMessage, body: Buffer | undefined): string[] {
  if (body !== undefined)
    return [...passedHeaders(request.rawHeaders, ['content-length']), 'Content-Length', `${body.length}`];
  const headers = passedHeaders(request.rawHeaders);
  if (request.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked');
  return headers;
}

/** Resolves true when the answer was passed on whole or its client has left, false when nothing was sent. */
function passOn(
  onward: ClientRequest,
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer | undefined,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let isSent = false;
    const onGone = (): void => {
      // The client left: whoever works for it stops.
      onward.destroy();
      resolve(true);
    };
    response.once('close', onGone);
    onward.on('socket', () => {
      isSent = true;
    });
    onward.on('error', (cause) => {
      response.off('close', onGone);
      request.unpipe(onward);
      if (response.headersSent) response.destroy();
      if (response.headersSent || response.destroyed) resolve(true);
      else if (!isSent) resolve(false);
      else reject(new GatewayError('fleet.node-lost', { cause }));
    });
    onward.on('response', (answer) => {
      response.off('close', onGone);
      response.writeHead(answer.statusCode ?? 502, passedHeaders(answer.rawHeaders));
      // An event stream may say nothing for long; its client waits for the head.
      response.flushHeaders();
      // A cut on either side cuts the other one: half an answer must not look like a whole one.
      pipeline(answer, response, () => resolve(true));
    });
    if (response.destroyed) onGone();
    else if (body !== undefined) onward.end(body);
    else request.pipe(onward);
  });
}

function upgrade(socket: Duplex, { host, port }: PeerAddress, clock: Clock): Promise<PeerStream> {
  return new Promise((resolve, reject) => {
    const headers = ['Host', host, 'Connection', 'Upgrade', 'Upgrade', HANDLE_PROTOCOL];
    const request = send({ host, port, path: '/', headers, createConnection: () => socket });
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
