import { isGatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type { StreamCopy } from '../../packages/breakwater/src/core/event-archive.ts';
import type { Exchange } from '../../packages/breakwater/src/core/exchange.ts';
import type {
  AskControl,
  ClientFacts,
  Outcome,
  Principal,
  QuestionAnswer,
  Reply,
} from '../../packages/breakwater/src/core/ports.ts';
import type { Session } from '../../packages/breakwater/src/core/session.ts';
import { makeId } from '../../packages/breakwater/src/jsonrpc/id.ts';
import { encodeJson, scanObject } from '../../packages/breakwater/src/jsonrpc/raw.ts';
import { profileOf } from '../../packages/breakwater/src/protocol/capabilities.ts';
import { methodTraits } from '../../packages/breakwater/src/protocol/methods.ts';
import type { LegacyRevision, Revision } from '../../packages/breakwater/src/protocol/revision.ts';
import type { SimNode } from './node.ts';
import { pass } from './pass.ts';

/** What a client sends. */
export type ClientRequest = { readonly principal: Principal } & (
  | { readonly kind: 'initialize'; readonly route: string }
  | { readonly kind: 'initialized' | 'ping' | 'delete'; readonly route: string; readonly sessionId: string }
  | {
      readonly kind: 'call';
      readonly route: string;
      /** Undefined for the modern era. */
      readonly sessionId: string | undefined;
      readonly params: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'answer';
      readonly route: string;
      readonly sessionId: string;
      readonly question: string;
      readonly result: unknown;
    }
  | { readonly kind: 'resume'; readonly route: string; readonly sessionId: string; readonly lastEventId: string }
);

/** What a client is sent. */
export type ServerMessage =
  | { readonly kind: 'question'; readonly id: string; readonly eventId?: string }
  /** The answer to a call; the connection ends with it. */
  | { readonly kind: 'result'; readonly result: unknown; readonly eventId?: string }
  | { readonly kind: 'failure'; readonly reason: string; readonly eventId?: string }
  /** A request that is no call was taken; the connection ends with it. */
  | { readonly kind: 'taken'; readonly sessionId?: string };

/** A client's connection, as the node sees it. */
export interface Connection {
  send(message: ServerMessage): void;
  /** Ends it without an answer. */
  cut(): void;
  onClosed(run: () => void): void;
}

/** A stream of a legacy call. */
interface Stream {
  readonly id: string;
  readonly sessionId: string;
  readonly events: ServerMessage[];
  connection: Connection | undefined;
  copy: StreamCopy | undefined;
  isEnded: boolean;
}

const CAPABILITIES = { elicitation: {} };
const LEGACY: LegacyRevision = '2025-11-25';

/** What a request with an id of this kind is told. */
export function clientOf(revision: Revision): ClientFacts {
  return { revision, info: undefined, capabilities: CAPABILITIES, profile: profileOf(CAPABILITIES) };
}

/** A node's public port, without HTTP: sessions, streams, and what is passed on to the node that alone can go on with it. */
export class Door {
  readonly node: SimNode;
  readonly #questions = new Map<string, (answer: QuestionAnswer) => void>();
  readonly #streams = new Map<string, Stream>();
  #exchanges = 0;

  constructor(node: SimNode) {
    this.node = node;
  }

  /** Serves a request. `isPassed`: by another node, which is the last one it is passed on by. */
  async serve(
    request: ClientRequest,
    connection: Connection,
    doorOf: (node: string) => Door | undefined,
    isPassed = false,
  ): Promise<void> {
    const { node } = this;
    if (node.isShut) return connection.send({ kind: 'failure', reason: 'gateway.draining' });
    node.inFlight++;
    try {
      const elsewhere = isPassed ? undefined : this.#elsewhere(request);
      if (elsewhere !== undefined && (await pass(this, elsewhere, request, connection, doorOf))) return;
      await this.#serveHere(request, connection);
    } catch (error) {
      connection.send({ kind: 'failure', reason: isGatewayError(error) ? error.code : String(error) });
    } finally {
      node.inFlight--;
    }
  }

  #elsewhere(request: ClientRequest): string | undefined {
    const { handler, tags } = this.node;
    if (request.kind === 'answer') return tags.elsewhere(request.question);
    if (request.kind === 'resume') return tags.elsewhere(request.lastEventId);
    if (request.kind !== 'call' || request.sessionId !== undefined) return undefined;
    const { principal } = request;
    return handler.nodeOf?.({ method: 'tools/call', params: rawOf(request.params), principal, sessionId: undefined });
  }

  async #serveHere(request: ClientRequest, connection: Connection): Promise<void> {
    const { principal } = request;
    const { sessions } = this.node;
    if (request.kind === 'initialize') {
      const client = { ...clientOf(LEGACY), revision: LEGACY };
      const session = sessions.create({ route: request.route, transport: 'streamable', principal, client });
      await sessions.keep(session);
      connection.send({ kind: 'taken', sessionId: session.id });
      return;
    }
    if (request.kind === 'call' && request.sessionId === undefined)
      return await this.#exchange(request, connection, undefined);
    const session = await sessions.find({
      id: request.sessionId ?? '',
      route: request.route,
      transport: 'streamable',
      principal,
    });
    if (session === undefined) {
      connection.send({ kind: 'failure', reason: 'session.unknown' });
      return;
    }
    switch (request.kind) {
      case 'call':
        return await this.#exchange(request, connection, session);
      case 'initialized':
        session.initialized = true;
        session.confirmed = true;
        await sessions.settle(session);
        break;
      case 'ping':
        break;
      case 'delete':
        await sessions.end(session.id, 'deleted');
        break;
      case 'answer':
        this.#answer(request.question, request.result);
        break;
      case 'resume':
        return await this.#resume(session, request.lastEventId, connection);
    }
    connection.send({ kind: 'taken' });
  }

  #answer(question: string, result: unknown): void {
    const { sabotage } = this.node;
    const id = sabotage.question?.(question, [...this.#questions.keys()]) ?? question;
    const onAnswer = this.#questions.get(id);
    this.#questions.delete(id);
    onAnswer?.({ result: encodeJson(result) });
  }

  #exchange(
    request: ClientRequest & { readonly kind: 'call' },
    connection: Connection,
    session: Session | undefined,
  ): Promise<void> {
    const { node } = this;
    const { principal, route, params } = request;
    const exchange: Exchange = {
      id: `${node.name}-${++this.#exchanges}`,
      route,
      principal,
      client: clientOf(session === undefined ? '2026-07-28' : LEGACY),
      sessionId: session?.id,
      method: 'tools/call',
      traits: methodTraits('tools/call'),
      params: rawOf(params),
      name: 'act',
      progress: false,
      logLevel: undefined,
      startedAt: node.clock.now(),
    };
    const { promise, resolve } = Promise.withResolvers<void>();
    const over = session === undefined ? undefined : node.sessions.begin(session);
    session?.noteCall();
    const stream = session === undefined ? undefined : this.#openStream(session, connection);
    const asked: string[] = [];
    let isDone = false;
    const finish = (): void => {
      isDone = true;
      for (const id of asked) this.#questions.delete(id);
      over?.();
      resolve();
    };
    const reply: Reply = {
      notify: () => true,
      onDrain: () => undefined,
      tell: () => undefined,
      done: (outcome) => {
        if (isDone) return;
        finish();
        const message = messageOf(outcome);
        if (stream === undefined) connection.send(message);
        else this.#end(stream, message);
      },
      ask: (_method, _params, onAnswer) => {
        if (stream === undefined || isDone) return undefined;
        const id = node.tags.mint(node.random.id());
        this.#questions.set(id, onAnswer);
        asked.push(id);
        this.#commit(stream);
        this.#event(stream, { kind: 'question', id });
        const control: AskControl = { withdraw: () => void this.#questions.delete(id) };
        return control;
      },
    };
    const stop = node.handler.handle(exchange, reply);
    // 2026-07-28 patterns/cancellation: a closed response stream is a cancellation. 2025-11-25: it is not.
    connection.onClosed(() => {
      if (stream !== undefined) {
        if (stream.connection === connection) stream.connection = undefined;
      } else if (!isDone) {
        finish();
        stop('client disconnected');
      }
    });
    return promise;
  }

  #openStream(session: Session, connection: Connection): Stream {
    const { tags, random } = this.node;
    const id = tags.mint(random.id());
    return { id, sessionId: session.id, events: [], connection, copy: undefined, isEnded: false };
  }

  /** From now on its client can resume it. */
  #commit(stream: Stream): void {
    if (this.#streams.has(stream.id)) return;
    this.#streams.set(stream.id, stream);
    stream.copy = this.node.archive.open(stream.sessionId, stream.id, [makeId(1)]);
  }

  #event(stream: Stream, message: ServerMessage): void {
    const seq = stream.events.length + 1;
    const event = { ...message, eventId: `${stream.id}-${seq}` };
    stream.events.push(event);
    stream.copy?.append(seq, Buffer.from(JSON.stringify(event)));
    stream.connection?.send(event);
  }

  #end(stream: Stream, message: ServerMessage): void {
    if (!this.#streams.has(stream.id)) return stream.connection?.send(message);
    this.#event(stream, message);
    stream.isEnded = true;
    stream.copy?.end();
  }

  /** The rest of a stream: of this node's own, or of what a lost node wrote down. */
  async #resume(session: Session, lastEventId: string, connection: Connection): Promise<void> {
    const { archive } = this.node;
    const dash = lastEventId.lastIndexOf('-');
    const streamId = lastEventId.slice(0, dash);
    const after = Number(lastEventId.slice(dash + 1));
    const own = this.#streams.get(streamId);
    if (own !== undefined) {
      // Of two that read it the newer one has it; the other one may ask again.
      own.connection?.cut();
      own.connection = connection;
      connection.onClosed(() => {
        if (own.connection === connection) own.connection = undefined;
      });
      for (const event of own.events.slice(after)) connection.send(event);
      return;
    }
    const found = await archive.find(streamId);
    const taken = found === undefined ? undefined : await archive.take(session.id, streamId);
    if (taken === undefined || after > taken.last) {
      connection.send({ kind: 'failure', reason: 'stream.lost' });
      return;
    }
    const events = taken.events.map(({ data }) => JSON.parse(data.toString()) as ServerMessage);
    for (const event of events.slice(after)) connection.send(event);
    if (events.some(({ kind }) => kind === 'result' || kind === 'failure')) return;
    const eventId = `${streamId}-${taken.last + 1}`;
    const lost: ServerMessage = { kind: 'failure', reason: taken.ended ? 'stream.lost' : 'fleet.node-lost', eventId };
    if (!taken.ended) {
      taken.copy.append(taken.last + 1, Buffer.from(JSON.stringify(lost)));
      taken.copy.end();
    }
    connection.send(lost);
  }
}

function messageOf(outcome: Outcome): ServerMessage {
  if (outcome.kind === 'failed') {
    const { error } = outcome;
    return { kind: 'failure', reason: isGatewayError(error) ? error.code : String(error) };
  }
  if (outcome.kind === 'error') return { kind: 'failure', reason: `error ${outcome.error.toString()}` };
  return { kind: 'result', result: JSON.parse(outcome.result.toString()) as unknown };
}

function rawOf(params: Readonly<Record<string, unknown>>) {
  return scanObject(encodeJson(params));
}
