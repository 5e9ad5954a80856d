import { GatewayError } from '../core/errors.ts';
import { makeId, type RawId } from '../jsonrpc/id.ts';
import type { Message, NotificationMessage, RequestMessage, ResultMessage } from '../jsonrpc/message.ts';
import { type ParseFault, parseMessage } from '../jsonrpc/parse.ts';
import { scanArray } from '../jsonrpc/raw.ts';
import { writeError, writeNotification, writeRequest, writeResult } from '../jsonrpc/write.ts';
import type { ChannelEnd, ChannelListener, DuplexChannel, OversizeMessage } from './channel.ts';
import type { UpstreamLog } from './options.ts';

/** Receives the answer to one request: exactly one of the three, once. */
export interface ResponseReceiver {
  /** `isSound`: see {@link ResultMessage.isSound}. */
  onResult(result: Buffer, isSound: boolean | undefined): void;
  onError(error: Buffer): void;
  onFailed(error: GatewayError): void;
}

/** Receives what the server says of its own accord. */
export interface RpcPeer {
  onRequest(request: RequestMessage): void;
  onNotification(notification: NotificationMessage): void;
  /** After every waiting request has failed. */
  onEnd(reason: ChannelEnd, detail: string): void;
}

interface Waiting {
  /** Emptied when the answer is taken: a map that grows keeps what stood in its earlier tables in memory for long (`call-list.ts`). */
  receiver: ResponseReceiver | undefined;
  readonly acceptsNullId: boolean;
}

const OPEN_BRACKET = 0x5b;
const MAX_FAULTS_LOGGED = 5;
const EXCERPT_BYTES = 200;

/** JSON-RPC over a channel: our ids and the answers to them. It knows neither eras nor methods. */
export class DuplexRpc implements ChannelListener {
  readonly #channel: DuplexChannel;
  readonly #onSent: (method: string) => void;
  readonly #log: UpstreamLog;
  readonly #waiting = new Map<RawId, Waiting>();
  #peer: RpcPeer;
  #nextId = 1;
  #faults = 0;
  #ended: { readonly reason: ChannelEnd; readonly detail: string } | undefined;

  /** @param onSent counts each request and notification that leaves. */
  constructor(channel: DuplexChannel, peer: RpcPeer, options: { onSent: (method: string) => void; log: UpstreamLog }) {
    this.#channel = channel;
    this.#peer = peer;
    this.#onSent = options.onSent;
    this.#log = options.log;
    channel.listen(this);
  }

  /** How and why the channel ended; undefined while it lives. */
  get ended(): { readonly reason: ChannelEnd; readonly detail: string } | undefined {
    return this.#ended;
  }

  get channel(): DuplexChannel {
    return this.#channel;
  }

  /** Passes the server's own messages to somebody else from now on. */
  setPeer(peer: RpcPeer): void {
    this.#peer = peer;
  }

  /** The id the next request will have; also its progress token. */
  peekId(): number {
    return this.#nextId;
  }

  /** Sends a request and returns its id. The receiver is never called before this returns. */
  request(
    method: string,
    params: Buffer | undefined,
    receiver: ResponseReceiver,
    options: { acceptsNullId?: boolean } = {},
  ): RawId {
    const id = makeId(this.#nextId++);
    this.#waiting.set(id, { receiver, acceptsNullId: options.acceptsNullId === true });
    const onLost = (detail: string): void =>
      this.#take(id)?.onFailed(new GatewayError('upstream.lost', { cause: detail }));
    if (this.#channel.send(writeRequest(id, method, params), onLost)) this.#onSent(method);
    else {
      const code = this.#ended === undefined ? 'upstream.busy' : 'upstream.lost';
      queueMicrotask(() => this.#take(id)?.onFailed(new GatewayError(code, { cause: this.#ended?.detail })));
    }
    return id;
  }

  /** Sends a notification; what cannot be sent is lost. */
  notify(method: string, params?: Buffer): void {
    if (this.#channel.send(writeNotification(method, params))) this.#onSent(method);
  }

  /** Answers a request of the server. */
  answer(id: RawId, answer: { readonly result: Buffer } | { readonly error: Buffer }): void {
    this.#channel.send('result' in answer ? writeResult(id, answer.result) : writeError(id, answer.error));
  }

  /** Waits no longer: the answer, should it come, is dropped. */
  forget(id: RawId): void {
    this.#take(id);
  }

  message(bytes: Buffer): void {
    // 2025-03-26 servers may send batches.
    const batch = bytes[0] === OPEN_BRACKET ? scanArray(bytes) : undefined;
    for (const element of batch ?? [bytes]) {
      const parsed = parseMessage(element);
      if (parsed.ok) this.#handle(parsed.value);
      else this.#onFault(parsed.fault, element);
    }
  }

  oversize(message: OversizeMessage): void {
    const id = idAtEnds(message) ?? (this.#waiting.size === 1 ? [...this.#waiting.keys()][0] : undefined);
    this.#log('warn', 'A message of the server was too large and was dropped.', { bytes: message.bytes });
    if (id !== undefined) this.#take(id)?.onFailed(new GatewayError('upstream.too-large'));
  }

  end(reason: ChannelEnd, detail: string): void {
    this.#ended = { reason, detail };
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { receiver } of waiting) receiver?.onFailed(new GatewayError('upstream.lost', { cause: detail }));
    this.#peer.onEnd(reason, detail);
  }

  // These bytes are a server's own. Whoever stumbles over them further on must not take the whole process with it.
  #handle(message: Message): void {
    try {
      this.#dispatch(message);
    } catch (error) {
      this.#log('error', 'A message of the server could not be handled.', { kind: message.kind, error });
    }
  }

  #dispatch(message: Message): void {
    switch (message.kind) {
      case 'request':
        this.#peer.onRequest(message);
        break;
      case 'notification':
        this.#peer.onNotification(message);
        break;
      case 'result':
        if (message.id !== undefined) this.#take(message.id)?.onResult(message.result, message.isSound);
        break;
      case 'error':
        this.#take(message.id ?? this.#idForNull())?.onError(message.error);
        break;
    }
  }

  // Servers that refuse what comes before `initialize` often answer without an id (adcp#2408); with one probe out, it is meant.
  #idForNull(): RawId | undefined {
    const meant = [...this.#waiting].filter(([, waiting]) => waiting.acceptsNullId);
    return meant.length === 1 ? meant[0]?.[0] : undefined;
  }

  #take(id: RawId | undefined): ResponseReceiver | undefined {
    if (id === undefined) return undefined;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return undefined;
    const { receiver } = waiting;
    this.#waiting.delete(id);
    waiting.receiver = undefined;
    return receiver;
  }

  #onFault(fault: ParseFault, bytes: Buffer): void {
    if (++this.#faults <= MAX_FAULTS_LOGGED) {
      const excerpt = bytes.subarray(0, EXCERPT_BYTES).toString();
      this.#log('warn', 'The server sent something that is no JSON-RPC message.', { fault: fault.message, excerpt });
    }
    const receiver = this.#take(fault.id);
    if (receiver !== undefined) receiver.onFailed(new GatewayError('upstream.invalid', { cause: fault.message }));
  }
}

// SDKs write the id as the first or second member, or as the last or last but one.
function idAtEnds({ head, tail }: OversizeMessage): RawId | undefined {
  const first = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*([0-9]+)\s*[,}]/.exec(head.toString('latin1'));
  const last = /,\s*"id"\s*:\s*([0-9]+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/.exec(tail.toString('latin1'));
  return (first?.[1] ?? last?.[1]) as RawId | undefined;
}
