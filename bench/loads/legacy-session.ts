import { HttpConnection, type HttpReply } from '../http-connection.ts';
import { LEGACY_REVISION } from '../upstream-bodies.ts';
import { WrongReply } from './load.ts';
import { checkAccepted, readResult } from './replies.ts';

/** One legacy client: handshake, requests by method and params text, DELETE. One session at a time, one request at a time over the next connection. */
export class LegacySession {
  readonly #connections: readonly HttpConnection[];
  readonly #url: URL;
  #postHead: string;
  #sessionId: string | undefined;
  #lastId = 0;
  #exchanges = 0;

  constructor(url: URL, connections = 1) {
    this.#url = url;
    this.#connections = Array.from({ length: connections }, () => new HttpConnection(url));
    this.#postHead = this.#writePostHead();
  }

  /** The id of the request last sent. */
  get lastId(): number {
    return this.#lastId;
  }

  /** The id of the open session, if the server minted one. */
  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  /** Cuts the connection and leaves the session to the server, as most clients do. */
  abandon(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** Sends `initialize` outside any session and keeps the session id of the answer, if one came. Throws WrongReply. */
  async initialize(): Promise<void> {
    this.#sessionId = undefined;
    this.#postHead = this.#writePostHead();
    const client = '"clientInfo":{"name":"bench","version":"1.0.0"}';
    const params = `{"protocolVersion":"${LEGACY_REVISION}","capabilities":{},${client}}`;
    const reply = await this.request('initialize', params);
    const result = readResult(reply, this.#lastId);
    if (typeof result['protocolVersion'] !== 'string') throw new WrongReply('initialize without protocolVersion');
    this.#sessionId = reply.sessionId;
    this.#postHead = this.#writePostHead();
  }

  /** Sends `notifications/initialized`. Throws WrongReply when it is refused. */
  async confirm(): Promise<void> {
    checkAccepted(await this.#post('{"jsonrpc":"2.0","method":"notifications/initialized"}'));
  }

  /** Sends one request; `params` is JSON text. The caller validates the reply against {@link lastId}. */
  request(method: string, params: string): Promise<HttpReply> {
    this.#lastId += 1;
    return this.#post(`{"jsonrpc":"2.0","id":${this.#lastId},"method":"${method}","params":${params}}`);
  }

  /** Ends the session with DELETE; does nothing when the server minted none. Throws WrongReply when it is refused. */
  async end(): Promise<void> {
    if (this.#sessionId === undefined) return;
    const head = this.#postHead.replace(/^POST/, 'DELETE').replace(/content-length: $/, '\r\n');
    this.#sessionId = undefined;
    checkAccepted(await this.#exchange(head), 405);
  }

  /** Ends the session as far as possible and cuts the connection. */
  async close(): Promise<void> {
    await this.end().catch(() => {
      // The run is over and its figures are taken; a server that cannot even end a session was counted before.
    });
    this.abandon();
  }

  #post(body: string): Promise<HttpReply> {
    return this.#exchange(`${this.#postHead}${body.length}\r\n\r\n${body}`);
  }

  #exchange(request: string): Promise<HttpReply> {
    const connection = this.#connections[this.#exchanges++ % this.#connections.length] as HttpConnection;
    return connection.exchange(request);
  }

  #writePostHead(): string {
    const session =
      this.#sessionId === undefined
        ? ''
        : `mcp-session-id: ${this.#sessionId}\r\nmcp-protocol-version: ${LEGACY_REVISION}\r\n`;
    return (
      `POST ${this.#url.pathname} HTTP/1.1\r\nhost: ${this.#url.host}\r\n${session}` +
      'content-type: application/json\r\naccept: application/json, text/event-stream\r\nuser-agent: bench\r\ncontent-length: '
    );
  }
}
