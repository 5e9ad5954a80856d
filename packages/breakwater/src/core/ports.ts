import type { RpcError } from '../jsonrpc/message.ts';
import type { RawObject } from '../jsonrpc/raw.ts';
import type { TaskWish } from '../protocol/bridge/request.ts';
import type { CapabilityProfile, JsonObject, ServerFacts } from '../protocol/capabilities.ts';
import type { Revision } from '../protocol/revision.ts';
import type { AdoptedCall, CallPlace } from './call-records.ts';
import type { Exchange } from './exchange.ts';

/** A running timer. */
export interface Timer {
  clear(): void;
}

/** Time. Milliseconds since the epoch; timers never keep the process alive. */
export interface Clock {
  now(): number;
  after(delayMs: number, run: () => void): Timer;
}

/** Unpredictable identifiers of visible ASCII, safe as a session id. */
export interface Random {
  id(): string;
}

/** Somebody who may use a route. `key` is unique per person or program and safe to log. */
export interface Principal {
  readonly key: string;
  /**
   * False where many strangers share this principal (an open route on a public address): then nothing that belongs to one of them may be
   * kept under `key` alone.
   */
  readonly personal: boolean;
}

/** What a client says of itself, from its session or from the request's envelope. */
export interface ClientFacts {
  readonly revision: Revision;
  /** `clientInfo` as JSON bytes, verbatim; undefined when it did not say. */
  readonly info: Buffer | undefined;
  readonly capabilities: JsonObject;
  readonly profile: CapabilityProfile;
}

/** A result in the form its leg speaks: JSON bytes of the `result` value, unparsed. The bridge turns it into the client's form. */
export interface ResultOutcome {
  readonly kind: 'result';
  readonly revision: Revision;
  readonly result: Buffer;
  /** `serverInfo` bytes of the server that answered, for the modern era's `_meta`. */
  readonly serverInfo?: Buffer;
  /** Whoever read it has checked that the whole result is JSON in UTF-8. */
  readonly isSound?: boolean | undefined;
}

/** An error that a server answered, in the form its leg speaks: JSON bytes of the `error` value. */
export interface ErrorOutcome {
  readonly kind: 'error';
  readonly revision: Revision;
  readonly error: Buffer;
}

/** How a call ended: the server answered, or the gateway failed to bring an answer. */
export type Outcome = ResultOutcome | ErrorOutcome | { readonly kind: 'failed'; readonly error: Error };

/** A message that belongs to a running call (progress, log, or any other server notification). `params` is JSON bytes as the server sent them. */
export interface CallNotification {
  readonly method: string;
  readonly params: RawObject | undefined;
  readonly revision: Revision;
}

/** A question of the server in the middle of a call (legacy leg). `answer` must be called exactly once; later calls are ignored. */
export interface ServerQuestion {
  readonly method: string;
  readonly params: RawObject | undefined;
  readonly revision: Revision;
  answer(answer: { readonly result: Buffer } | { readonly error: RpcError }): void;
  /** Called when the server no longer waits. */
  onWithdrawn(run: () => void): void;
}

/** A result that is about to be passed on while it still comes in, in the form its leg speaks. */
export interface ResultStart {
  readonly revision: Revision;
  /** The bytes of the result and of what follows it in its message, which is a byte at least; undefined where nobody knows. */
  readonly bytes: number | undefined;
}

/** Receives what a call brings. `done` is called exactly once and nothing after it. */
export interface CallSink {
  /** True while the client is away to gather input: such a call is not the likely owner of a new question. */
  readonly suspended?: boolean;
  /** False while another node of the fleet may have the handle: a call that waits for its turn there is not begun then. */
  readonly isHeld?: boolean;
  notify(notification: CallNotification): void;
  ask(question: ServerQuestion): void;
  /**
   * Asked before a large result: takes it piece by piece through the returned function, and `done` then brings no more than its last bytes. Undefined when it
   * has to be whole. At most once in a call.
   */
  beginResult?(start: ResultStart): ((bytes: Buffer) => void) | undefined;
  done(outcome: Outcome): void;
}

/** One request to a server, in no era: the upstream adapter adds the envelope, the id, the token and the headers of its own leg. */
export interface UpstreamCall {
  readonly method: string;
  /** The client's params with the upstream's own names in it; reserved `_meta` keys are removed by the adapter, not by the caller. */
  readonly params: RawObject | undefined;
  /** Revision of the leg `params` came from. */
  readonly client: ClientFacts;
  /** The client wants progress. */
  readonly progress: boolean;
  /** The client wants logs at this level. */
  readonly logLevel: string | undefined;
  /** The tool says a repeated call does no harm: it may be sent again after a lost upstream session. */
  readonly idempotent?: boolean;
  /** The gateway looks after a task: the server may run this call as one, whatever its client knows of tasks. */
  readonly task?: TaskWish | undefined;
}

/** A running call on a handle. */
export interface CallControl {
  /** The progress token that the server was given, where the client wanted progress. */
  readonly token?: string | undefined;
  /** Tells the server to stop, in its own way, and stops listening; `done` is not called any more. */
  cancel(reason: string): void;
  /** Back-pressure: stop or go on reading from the server where the transport can (never blocks other calls). */
  pause(): void;
  resume(): void;
}

/** What a server reported outside of any call. `uri` only for `updated`, `taskId` only for `task`. */
export interface ServerChange {
  readonly kind: 'tools' | 'prompts' | 'resources' | 'updated' | 'task';
  readonly uri?: string;
  readonly taskId?: string;
  /** JSON bytes of the notification's params as sent. */
  readonly params: RawObject | undefined;
}

/** One live upstream connection, child process or remote session. */
export interface Handle {
  /** Unique in this process, for logs and the ledger. */
  readonly id: string;
  readonly upstream: string;
  readonly revision: Revision;
  readonly server: ServerFacts;
  /** Starts a call. Faults are reported through the sink, never thrown. */
  call(call: UpstreamCall, sink: CallSink): CallControl;
  /** Opens the change feed if it is not open; resolves true when the server will report list changes on it. */
  openFeed(): Promise<boolean>;
  /** Asks the server to report updates of `uri`; false when it refused or cannot. Reference counted. */
  watch(uri: string): Promise<boolean>;
  unwatch(uri: string): Promise<void>;
  /** Listens for the state of a task; false when it will not be reported. Reference counted. */
  watchTask(taskId: string): Promise<boolean>;
  unwatchTask(taskId: string): Promise<void>;
  /** Adds a listener for changes; returns its removal. */
  onChange(listener: (change: ServerChange) => void): () => void;
  /** Adds a listener for pages (url elicitations) that the server says are finished, by its own ids; returns its removal. */
  onPage(listener: (elicitationId: string) => void): () => void;
  /**
   * Adds a listener for questions that belong to no call in flight; returns its removal. The first one that takes a question has to answer it; without
   * one the server is refused. Never called where several clients share the handle.
   */
  onQuestion(listener: (question: ServerQuestion) => boolean): () => void;
  /** Adds a listener for progress under the tokens of calls that are over (a 2025-11-25 task goes on with its call's); returns its removal. */
  onProgress(listener: (token: string, params: RawObject) => void): () => void;
  /** Adds a listener for the end of this handle (called once, also when already ended); returns its removal. */
  onEnd(listener: (reason: string) => void): () => void;
  close(reason: string): Promise<void>;
}

/** What a caller needs a handle for; the upstream decides from it which handle may be shared (eras.md §2.4). */
export interface HandleNeed {
  readonly principal: Principal;
  /** The legacy session, when the caller has one. */
  readonly sessionId: string | undefined;
  readonly profile: CapabilityProfile;
  /** The client's `clientInfo` bytes, passed on where the upstream is told about clients. */
  readonly clientInfo: Buffer | undefined;
  /** Absolute time (Clock.now) by which a handle must be there. */
  readonly deadline: number;
  /** True for the catalogue's own reads: any live handle of the principal will do. */
  readonly anyProfile?: boolean;
  /** Another node asks: what is not here is not fetched from a third one. */
  readonly isForwarded?: boolean;
}

/** A borrowed handle. Release it exactly once, when the call is over. */
export interface Lease {
  readonly handle: Handle;
  /** False while another node of the fleet may have the handle: then nothing new is begun with it. */
  readonly isHeld?: boolean;
  release(): void;
  /** Borrows the same handle once more, whoever else could have it. Only before `release`. */
  share(): Lease;
}

/** One configured server, whatever its transport and era. */
export interface Upstream {
  readonly name: string;
  /**
   * Brings a live handle, opening one when needed. Rejects with a {@link GatewayError}: `upstream.unavailable`, `upstream.busy`,
   * `upstream.auth`, `upstream.version`, `upstream.timeout`.
   */
  acquire(need: HandleNeed): Lease | Promise<Lease>;
  /** Ends the handles that only this legacy session used. */
  endSession(sessionId: string): Promise<void>;
  close(): Promise<void>;
}

/** What a client answered to a question: its result's bytes, or an error. */
export type QuestionAnswer = { readonly result: Buffer } | { readonly error: RpcError };

/** A question the client has. */
export interface AskControl {
  /** Tells the client that nobody waits any more; a late answer is dropped. */
  withdraw(reason: string): void;
}

/** Where the answer of an exchange goes. Each downstream adapter has one; it bridges to the client's form and commits headers late. */
export interface Reply {
  /** Passes a notification that belongs to the exchange. Returns false when the client reads too slowly and the upstream should pause. */
  notify(notification: CallNotification): boolean;
  /**
   * Begins a large result, as {@link CallSink.beginResult}; the function returns false when the client reads too slowly. After it nothing but `done` is heard, which
   * brings the last bytes, or a failure: then the client sees that its answer broke off.
   */
  beginResult?(start: ResultStart): ((bytes: Buffer) => boolean) | undefined;
  /** The final answer; exactly once. */
  done(outcome: Outcome): void;
  /** Called when a slow client has caught up. */
  onDrain(run: () => void): void;
  /**
   * Sends a request to the client, in its own form, on a stream that it reads. Undefined when it reads none (and for eras without such requests).
   * `onAnswer` is called at most once. `id`: the id it is to have, where other nodes have to know it.
   */
  ask(
    method: string,
    params: Buffer | undefined,
    onAnswer: (answer: QuestionAnswer) => void,
    id?: string,
  ): AskControl | undefined;
  /** Waits for the answer to a question that the client has already, from a node that is gone. */
  expect?(id: string, onAnswer: (answer: QuestionAnswer) => void): AskControl | undefined;
  /** Where the answer goes, when that is a stream of its own that is written down; it becomes one. Undefined where its end is the call's. */
  place?(): CallPlace | undefined;
  /** Sends a notification that is already in the client's own form; dropped where no stream is read. */
  tell(method: string, params: Buffer): void;
  /** The way to the legacy session of the exchange; undefined where there is none. The same object for all exchanges of a session. */
  readonly aside?: SessionAside | undefined;
}

/** A legacy session's own stream (GET, or that of the 2024 transport): the way to ask its client outside of any request. */
export interface SessionAside {
  /** As {@link Reply.ask}. */
  ask(method: string, params: Buffer | undefined, onAnswer: (answer: QuestionAnswer) => void): AskControl | undefined;
  /** Calls `run` once, when the client next reads a stream of the session's own. Returns the removal. */
  onceReadable(run: () => void): () => void;
  /** Calls `run` when the session ends, at once when it has ended. Returns the removal. */
  onEnd(run: () => void): () => void;
}

/** Runs exchanges. The downstream adapters know the gateway by this alone. */
export interface ExchangeHandler {
  /** Starts the exchange; the answer arrives at `reply`. The returned function cancels it (the client said so or went away). */
  handle(exchange: Exchange, reply: Reply): (reason: string) => void;
  /** Goes on with a call that was taken over from a node that is gone. */
  adopt?(exchange: Exchange, reply: Reply, adopted: AdoptedCall): (reason: string) => void;
  /** The other node of the fleet that alone can go on with a request; undefined when any can. */
  nodeOf?(request: Pick<Exchange, 'method' | 'params' | 'principal' | 'sessionId'>): string | undefined;
}
