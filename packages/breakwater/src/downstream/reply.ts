import type { CallPlace } from '../core/call-records.ts';
import { type ErrorCode, GatewayError, toGatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import type {
  AskControl,
  CallNotification,
  Outcome,
  QuestionAnswer,
  Reply,
  ResultStart,
  SessionAside,
} from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { RpcCode } from '../jsonrpc/message.ts';
import { encodeError, writeError, writeNotification, writeRequest, writeResult } from '../jsonrpc/write.ts';
import { bridgeError } from '../protocol/bridge/error.ts';
import type { BridgeFault } from '../protocol/bridge/fault.ts';
import { bridgeNotification, progressText } from '../protocol/bridge/notification.ts';
import { bridgeResult, passesUnchanged } from '../protocol/bridge/result.ts';
import { eraOf, type Revision } from '../protocol/revision.ts';
import type { Answer } from './answer.ts';
import { rpcErrorOf } from './refusal.ts';
import type { SessionState } from './session-state.ts';

/** A response to write, with the status it has where it is the first thing sent. */
export interface Response {
  readonly message: Buffer;
  readonly status: number;
}

/** Bridges what an exchange brings to its client's form and writes it into an answer. The one place on the way out that knows both revisions. */
export class ExchangeReply implements Reply {
  readonly #answer: Answer;
  readonly #exchange: Exchange;
  readonly #id: RawId;
  readonly #progressToken: string | undefined;
  readonly #session: SessionState | undefined;
  readonly #onDone: () => void;
  #asked: RawId[] = [];
  /** A part of the result was written: whatever else there is to say comes too late. */
  #hasBegun = false;
  #done = false;

  constructor(init: {
    readonly answer: Answer;
    readonly exchange: Exchange;
    readonly id: RawId;
    readonly progressToken: string | undefined;
    /** The legacy session whose client can be asked; undefined for the modern era and for requests without a session. */
    readonly session: SessionState | undefined;
    readonly onDone: () => void;
  }) {
    this.#answer = init.answer;
    this.#exchange = init.exchange;
    this.#id = init.id;
    this.#progressToken = init.progressToken;
    this.#session = init.session;
    this.#onDone = init.onDone;
  }

  notify(notification: CallNotification): boolean {
    if (this.#done || this.#hasBegun) return true;
    const { method, params, revision: from } = notification;
    const progress = this.#answer.notifyText && progressText(method, params, this.#progressToken);
    if (progress !== undefined) return this.#answer.notifyText?.(progress) !== false;
    const to = this.#exchange.client.revision;
    const bridged = bridgeNotification({ method, params, from, to, progressToken: this.#progressToken });
    return bridged === undefined || this.#answer.notify(writeNotification(bridged.method, bridged.params));
  }

  beginResult({ revision, bytes }: ResultStart): ((bytes: Buffer) => boolean) | undefined {
    const { client, method } = this.#exchange;
    if (this.#done || !passesUnchanged(method, revision, client.revision)) return undefined;
    const write = this.#answer.beginResult?.(this.#id, bytes);
    this.#hasBegun = write !== undefined;
    return write;
  }

  done(outcome: Outcome): void {
    if (this.#done) return;
    this.#done = true;
    this.#respond(outcome);
    // An answer to a question of a request that is over has nobody left to hear it.
    for (const id of this.#asked) this.#session?.questions.drop(id);
    this.#onDone();
  }

  #respond(outcome: Outcome): void {
    const { client, method } = this.#exchange;
    if (outcome.kind === 'result' && this.#answer.respondResult !== undefined) {
      const { result, revision: from, serverInfo } = outcome;
      if (this.#hasBegun) return this.#answer.respondResult(this.#id, result);
      const bridged = bridgeResult({ method, result, from, to: client.revision, serverInfo });
      if (bridged.ok) return this.#answer.respondResult(this.#id, bridged.result);
    }
    const { message, status } = writeOutcome(outcome, this.#exchange, this.#id);
    this.#answer.respond(message, status);
  }

  get aside(): SessionAside | undefined {
    return this.#session?.aside;
  }

  onDrain(run: () => void): void {
    this.#answer.onceDrained(run);
  }

  ask(
    method: string,
    params: Buffer | undefined,
    onAnswer: (answer: QuestionAnswer) => void,
    named?: string,
  ): AskControl | undefined {
    const session = this.#session;
    const id = this.#done || this.#hasBegun ? undefined : session?.questions.add(onAnswer, named);
    if (session === undefined || id === undefined) return undefined;
    const message = writeRequest(id, method, params);
    // On the request's own stream the client knows what it is asked about; its session's stream is the way for clients that take JSON only.
    if (!this.#answer.request(message) && !session.requestAside(message)) {
      session.questions.drop(id);
      return undefined;
    }
    return this.#control(session, id);
  }

  expect(id: string, onAnswer: (answer: QuestionAnswer) => void): AskControl | undefined {
    const session = this.#session;
    return session && this.#control(session, session.questions.add(onAnswer, id));
  }

  place(): CallPlace | undefined {
    const streamId = this.#done || this.#session === undefined ? undefined : this.#answer.keptAs?.();
    if (streamId === undefined) return undefined;
    return { streamId, requestId: this.#id, progressToken: this.#progressToken };
  }

  #control(session: SessionState, id: RawId): AskControl {
    this.#asked.push(id);
    return {
      withdraw: (reason) => {
        if (!session.questions.drop(id)) return;
        const cancelled = Buffer.from(`{"requestId":${id},"reason":${JSON.stringify(reason)}}`);
        this.tell('notifications/cancelled', cancelled);
      },
    };
  }

  tell(method: string, params: Buffer): void {
    const message = writeNotification(method, params);
    if (!this.#answer.request(message)) this.#session?.requestAside(message);
  }

  /** Ends the reply without an outcome; nothing is sent that was not. */
  abandon(): void {
    if (this.#done) return;
    this.#done = true;
    this.#onDone();
  }
}

function writeOutcome(outcome: Outcome, exchange: Exchange, id: RawId): Response {
  const { method, client } = exchange;
  const to = client.revision;
  if (outcome.kind === 'failed') return writeFailure(toGatewayError(outcome.error), to, id, exchange.id);
  if (outcome.kind === 'result') {
    const { result, revision: from, serverInfo } = outcome;
    const bridged = bridgeResult({ method, result, from, to, serverInfo });
    if (bridged.ok) return { message: writeResult(id, bridged.result), status: 200 };
    return writeFailure(faultError(bridged.fault), to, id, exchange.id);
  }
  const bridged = bridgeError({ method, error: outcome.error, from: outcome.revision, to });
  if (bridged.kind === 'result') return { message: writeResult(id, bridged.result), status: 200 };
  return { message: writeError(id, bridged.error), status: bridged.http };
}

/** The response for an error of the gateway itself, in the form of a client of `to`. */
export function writeFailure(error: GatewayError, to: Revision, id: RawId, exchangeId: string | undefined): Response {
  const rpc = rpcErrorOf(error, exchangeId);
  const modern = eraOf(to) === 'modern';
  // 2026-07-28 basic §Error Codes: -32002 must not be emitted.
  const code = modern && rpc.code === RpcCode.resourceNotFound ? RpcCode.invalidParams : rpc.code;
  const status = modern ? error.row.http : legacyStatus(error.code);
  return { message: writeError(id, encodeError({ ...rpc, code })), status };
}

// A legacy request that is being served is answered in band (eras.md §1.8): clients take 4xx for a broken transport.
function legacyStatus(code: ErrorCode): number {
  if (code === 'gateway.draining' || code === 'store.unavailable' || code === 'audit.unavailable') return 503;
  if (code === 'request.rate' || code === 'session.limit') return 429;
  return 200;
}

function faultError({ code, message }: BridgeFault): GatewayError {
  return new GatewayError(code, { message });
}
