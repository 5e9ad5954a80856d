import { GatewayError } from '../core/errors.ts';
import type { CallControl, CallSink, Outcome, ServerChange, ServerQuestion, UpstreamCall } from '../core/ports.ts';
import { gatewayClient } from '../core/snapshot.ts';
import { makeId } from '../jsonrpc/id.ts';
import { type Message, type NotificationMessage, type RequestMessage, RpcCode } from '../jsonrpc/message.ts';
import { encodeJson, memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { encodeError, writeError, writeResult } from '../jsonrpc/write.ts';
import { bridgeParams } from '../protocol/bridge/request.ts';
import { isObject, type JsonObject } from '../protocol/capabilities.ts';
import { isAtLeast, isLogLevel, type LogLevel } from '../protocol/logging.ts';
import { methodTraits } from '../protocol/methods.ts';
import type { LegacyRevision } from '../protocol/revision.ts';
import { CallList } from './call-list.ts';
import { changeOf, isSubscribable, reportedKinds } from './change-feed.ts';
import { changesAfterGap, HandleListeners } from './http-changes.ts';
import { GetFeed } from './http-feed.ts';
import { type HttpLeg, postNotification, postOneWay, warn } from './http-leg.ts';
import { type CallHost, LegacyCall } from './http-legacy-call.ts';
import { Questions } from './http-questions.ts';
import type { SessionRecord } from './http-resume.ts';
import { endSession, type LegacySession, openSession, type SessionInit } from './http-session.ts';
import { Watches } from './http-watches.ts';
import { idTokenOf } from './modern-feed.ts';
import { notBegunError } from './not-begun.ts';
import type { OpenedHandle } from './opener.ts';
import { isAboutTaskOf, neededCapability, refuseQuestion } from './question-kind.ts';

/** What a legacy handle is made of. */
export interface LegacyHandleOptions {
  readonly leg: HttpLeg;
  readonly id: string;
  readonly init: SessionInit;
  readonly session: LegacySession;
  /** Several clients use it: no questions and no logs pass. */
  readonly shared: boolean;
  /** Most interactive requests at one time; unbounded when absent. */
  readonly interactiveConcurrency?: number | undefined;
  /** The server gave no new session for a lost one: what is known of its era may be wrong. */
  readonly onRefused: () => void;
  /** Where the session is kept for the next owner of the handle; absent where there is none. */
  readonly record?: SessionRecord | undefined;
  /** The first id of a request: another node may have used the session before, and ids never come again in one. */
  readonly firstId?: number | undefined;
}

const RENEW_MS = 30_000;
/** How long the server may take for a request of the handle's own; sessions and their ends wait for it. */
const OWN_REQUEST_MS = 30_000;
const LOG = 'notifications/message';
const PROGRESS = 'notifications/progress';
const TASK_STATUS = 'notifications/tasks/status';
/** Ends of the handle after which another node goes on with the session: this one stops, or lost its claim. */
const HANDED_OVER: ReadonlySet<string> = new Set(['closed', 'lease-lost']);
const EMPTY_RESULT = Buffer.from('{}');
/** The session declared its capabilities: its requests declare none. */
const NOTHING: JsonObject = {};
const SEVERAL = {
  code: RpcCode.methodNotFound,
  message: 'Client cannot be asked: several clients share this connection',
};
const UNKNOWN = { code: RpcCode.methodNotFound, message: 'Method not found' };

/** A handle on a 2025 Streamable HTTP server, with or without a session: initialized when it is made, renewed when the server forgets it. */
export class HttpLegacyHandle implements OpenedHandle {
  readonly id: string;
  readonly upstream: string;
  readonly hasSession: boolean;
  readonly #options: LegacyHandleOptions;
  readonly #leg: HttpLeg;
  readonly #calls = new CallList<LegacyCall>();
  readonly #listeners = new HandleListeners();
  readonly #questions = new Questions((answer) => void this.#post(answer));
  readonly #host: CallHost;
  readonly #feed: GetFeed;
  readonly #watches: Watches;
  /** Interactive calls that wait for their turn. */
  readonly #queued = new Set<LegacyCall>();
  #interactive = 0;
  #session: LegacySession;
  #renewal: Promise<LegacySession> | undefined;
  #level: LogLevel | undefined;
  #leveling: Promise<unknown> | undefined;
  #nextId: number;

  constructor(options: LegacyHandleOptions) {
    this.#options = options;
    this.#leg = options.leg;
    this.#session = options.session;
    this.#nextId = options.firstId ?? 2; // 1 was `initialize`
    options.record?.save(options.session);
    this.id = options.id;
    this.upstream = options.leg.upstream;
    this.hasSession = options.session.id !== undefined;
    this.#feed = new GetFeed(options.leg, {
      headers: () => this.#session.headers,
      onMessage: (message) => this.#onFeedMessage(message),
      onGap: () => this.#reportGap(),
      onSessionLost: () => void this.#renew(this.#session).catch(() => undefined),
    });
    this.#host = {
      leg: options.leg,
      ready: (call) => this.#ready(call),
      renew: (lost) => this.#renew(lost),
      onRequest: (message, call) => this.#onRequest(message, call),
      onNotification: (message, call) => this.#onNotification(message, call),
      onCancelled: (call, reason) => this.#tellCancelled(call, reason),
      onOver: (call) => this.#onOver(call),
    };
    this.#watches = new Watches(async (method, uri) => (await this.#request(method, { uri })).kind === 'result');
  }

  get revision(): LegacyRevision {
    return this.#options.session.revision;
  }

  get server(): LegacySession['server'] {
    return this.#session.server;
  }

  call(call: UpstreamCall, sink: CallSink): CallControl {
    const id = this.#nextId++;
    const params = bridgeParams(call, {
      revision: this.revision,
      progressToken: call.progress ? id : undefined,
      clientInfo: this.#options.init.clientInfo,
      clientCapabilities: NOTHING,
    });
    const running = new LegacyCall(this.#host, { id: makeId(id), call, params, sink });
    this.#calls.add(running);
    if (this.#listeners.endReason === undefined) this.#start(running);
    else
      queueMicrotask(() =>
        running.finish(failed(new GatewayError('upstream.lost', { cause: 'the handle has ended' }))),
      );
    return running;
  }

  async openFeed(): Promise<boolean> {
    return (await this.#feed.open()) && reportedKinds(this.server.capabilities).length > 0;
  }

  async watch(uri: string): Promise<boolean> {
    if (!isSubscribable(this.server.capabilities)) return false;
    // Without the feed the server would accept, and its updates would never arrive.
    if (!(await this.#feed.open())) return false;
    return await this.#watches.add(uri);
  }

  async unwatch(uri: string): Promise<void> {
    await this.#watches.remove(uri);
  }

  async watchTask(): Promise<boolean> {
    return await this.#feed.open();
  }

  async unwatchTask(): Promise<void> {
    // The server reports its tasks unasked.
  }

  onChange(listener: (change: ServerChange) => void): () => void {
    return this.#listeners.onChange(listener);
  }

  onPage(listener: (elicitationId: string) => void): () => void {
    return this.#listeners.onPage(listener);
  }

  onQuestion(listener: (question: ServerQuestion) => boolean): () => void {
    return this.#listeners.onQuestion(listener);
  }

  onProgress(listener: (token: string, params: RawObject) => void): () => void {
    return this.#listeners.onProgress(listener);
  }

  onEnd(listener: (reason: string) => void): () => void {
    return this.#listeners.onEnd(listener);
  }

  async close(reason: string): Promise<void> {
    const { record } = this.#options;
    if (!this.#end(reason)) return;
    if (record !== undefined && HANDED_OVER.has(reason)) {
      record.leave();
      return;
    }
    record?.drop();
    await endSession(this.#leg, this.#session);
  }

  #end(reason: string): boolean {
    if (!this.#listeners.end(reason)) return false;
    this.#feed.close();
    for (const call of [...this.#calls]) {
      const isBegun = !this.#queued.has(call);
      call.finish(failed(isBegun ? new GatewayError('upstream.lost', { cause: reason }) : notBegunError(reason)));
    }
    return true;
  }

  // A server that asks on its GET stream does not say which call it asks for; one call at a time makes it certain.
  #start(call: LegacyCall): void {
    if (isInteractive(call)) {
      if (this.#interactive >= (this.#options.interactiveConcurrency ?? Number.POSITIVE_INFINITY)) {
        this.#queued.add(call);
        return;
      }
      this.#interactive++;
    }
    call.start();
  }

  #onOver(call: LegacyCall): void {
    this.#calls.delete(call);
    this.#questions.withdrawAll(call);
    if (!isInteractive(call) || this.#queued.delete(call)) return;
    this.#interactive--;
    if (this.#listeners.endReason === undefined) this.#startNext();
  }

  #startNext(): void {
    for (const next of this.#queued) {
      if (next.sink.isHeld !== false) {
        this.#queued.delete(next);
        return this.#start(next);
      }
      // It was let in long ago; in doubt nothing is begun.
      next.finish(failed(new GatewayError('store.unavailable')));
    }
  }

  #ready(call: UpstreamCall): LegacySession | Promise<LegacySession> {
    const level = this.#levelToSet(call);
    if (level === undefined) return this.#renewal ?? this.#session;
    return this.#lowerLevel(level).then(() => this.#renewal ?? this.#session);
  }

  // The level belongs to the session: it is only ever lowered, and each call takes its own part of what comes.
  #levelToSet(call: UpstreamCall): LogLevel | undefined {
    if (this.#options.shared || !isLogLevel(call.logLevel) || !isObject(this.server.capabilities['logging']))
      return undefined;
    return this.#level !== undefined && isAtLeast(call.logLevel, this.#level) ? undefined : call.logLevel;
  }

  async #lowerLevel(level: LogLevel): Promise<void> {
    await this.#leveling;
    if (this.#level !== undefined && isAtLeast(level, this.#level)) return;
    this.#level = level;
    this.#leveling = this.#request('logging/setLevel', { level });
    const outcome = await (this.#leveling as Promise<Outcome>);
    if (outcome.kind === 'error')
      warn(this.#leg, 'The server refused logging/setLevel.', { error: outcome.error.toString() });
  }

  /** A request of the handle's own; the server cannot ask anything on its stream. Silence fails it. */
  #request(method: string, params: object): Promise<Outcome> {
    return new Promise((resolve) => {
      const call = {
        method,
        params: scanObject(encodeJson(params)),
        client: gatewayClient(this.revision),
        progress: false,
        logLevel: undefined,
      };
      const done = (outcome: Outcome): void => {
        timer.clear();
        resolve(outcome);
      };
      const timer = this.#leg.clock.after(OWN_REQUEST_MS, () => {
        control.cancel('deadline');
        resolve(failed(new GatewayError('upstream.timeout')));
      });
      const control = this.call(call, { notify: () => undefined, ask: refuse, done });
    });
  }

  #renew(lost: LegacySession): Promise<LegacySession> {
    if (this.#renewal !== undefined) return this.#renewal;
    if (this.#session !== lost) return Promise.resolve(this.#session);
    this.#renewal = this.#reopen().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async #reopen(): Promise<LegacySession> {
    const bounds = { deadline: this.#leg.clock.now() + RENEW_MS };
    const attempt = await openSession(this.#leg, this.#options.init, makeId(this.#nextId++), bounds);
    if (!attempt.ok) {
      if (attempt.status !== undefined && attempt.error.code === 'upstream.invalid') this.#options.onRefused();
      this.#loseSession();
      throw attempt.error;
    }
    const { session } = attempt;
    if (this.#listeners.endReason !== undefined || session.revision !== this.revision) {
      void endSession(this.#leg, session);
      this.#loseSession();
      throw new GatewayError('upstream.session-lost');
    }
    this.#session = session;
    this.#options.record?.save(session);
    this.#level = undefined;
    this.#feed.restart();
    void this.#watches.renew();
    this.#reportGap();
    return session;
  }

  #loseSession(): void {
    if (this.#end('session lost')) this.#options.record?.drop();
  }

  #reportGap(): void {
    for (const change of changesAfterGap(this.server.capabilities, this.#watches.uris)) this.#listeners.report(change);
  }

  #onFeedMessage(message: Message): void {
    if (message.kind === 'request') this.#onRequest(message, this.#calleeOf(message));
    else if (message.kind === 'notification') {
      const change = changeOf(message);
      if (change !== undefined) this.#listeners.report(change);
      else this.#onNotification(message, this.#subjectOf(message));
    } else if (message.id !== undefined) {
      // Some servers answer on the GET stream what was asked by POST.
      this.#callOf(message.id)?.answer(message);
    }
  }

  #onRequest(message: RequestMessage, call: LegacyCall | undefined): void {
    if (message.method === 'ping') void this.#post(writeResult(message.id, EMPTY_RESULT));
    else if (this.#options.shared) void this.#post(writeError(message.id, encodeError(SEVERAL)));
    else {
      const needed = neededCapability(message.method, message.params);
      if (needed === undefined) return void this.#post(writeError(message.id, encodeError(UNKNOWN)));
      const question = this.#questions.add(message, this.revision, call ?? this);
      if (question === undefined) return;
      if (call !== undefined) call.sink.ask(question);
      else if (!this.#options.init.profile[needed] || !this.#listeners.offer(question))
        question.answer(refuseQuestion(message.method, this.#interactive > 0));
    }
  }

  #onNotification(message: NotificationMessage, call: LegacyCall | undefined): void {
    const { method, params } = message;
    this.#listeners.reportPage(message);
    // The state of a task is news of the task's, on whichever stream it comes.
    const change = method === TASK_STATUS ? changeOf(message) : undefined;
    if (change !== undefined) this.#listeners.report(change);
    else if (method === 'notifications/cancelled') this.#questions.withdraw(params);
    else if (method === PROGRESS && isForeignProgress(message, call)) {
      if (params !== undefined && !this.#options.shared) this.#listeners.reportProgress(params);
    } else if (call !== undefined && (method !== LOG || this.#wantsLog(call, params))) {
      call.sink.notify({ method, params, revision: this.revision });
    }
  }

  #wantsLog({ call }: LegacyCall, params: RawObject | undefined): boolean {
    if (this.#options.shared) return false;
    const level = params === undefined ? undefined : memberValue(params, 'level');
    return !isLogLevel(call.logLevel) || !isLogLevel(level) || isAtLeast(level, call.logLevel);
  }

  /**
   * The call that a question on the GET stream belongs to: the oldest one whose client can be asked this (eras.md §2.6). A server that waits for an
   * answer seldom asks again: a call whose client is away is the last choice.
   */
  #calleeOf(message: RequestMessage): LegacyCall | undefined {
    const needed = neededCapability(message.method, message.params);
    const calls = [...this.#calls].filter(
      (call) => needed !== undefined && isInteractive(call) && call.call.client.profile[needed],
    );
    const named = calls.find(({ call }) => isAboutTaskOf(message.params, call));
    if (named !== undefined) return named;
    return calls.find(({ sink }) => sink.suspended !== true) ?? calls[0];
  }

  #callOf(id: string): LegacyCall | undefined {
    return this.#calls.find((call) => call.id === id);
  }

  /** The call that a notification on the GET stream belongs to; undefined where that is a guess. */
  #subjectOf({ method, params }: NotificationMessage): LegacyCall | undefined {
    if (method === PROGRESS) {
      const token = params === undefined ? undefined : idTokenOf(params, 'progressToken');
      return token === undefined ? undefined : this.#callOf(token);
    }
    const [only, other] = this.#calls;
    return other === undefined ? only : undefined;
  }

  #tellCancelled(call: LegacyCall, reason: string): void {
    const params = Buffer.from(`{"requestId":${call.id},"reason":${JSON.stringify(reason)}}`);
    void postNotification(this.#leg, 'notifications/cancelled', params, this.#session.headers);
  }

  async #post(answer: Buffer): Promise<void> {
    const session = this.#session;
    const end = await postOneWay(this.#leg, answer, session.headers);
    if (end.kind === 'closed' || this.#listeners.endReason !== undefined) return;
    const detail = end.kind === 'status' ? { status: end.status, text: end.text } : { error: end.error };
    warn(this.#leg, 'An answer did not reach the server.', detail);
  }
}

function isInteractive({ call }: LegacyCall): boolean {
  return methodTraits(call.method)?.interactive === true;
}

function refuse(question: Parameters<CallSink['ask']>[0]): void {
  question.answer({ error: { code: RpcCode.methodNotFound, message: 'This request cannot ask the client.' } });
}

function failed(error: Error): Outcome {
  return { kind: 'failed', error };
}

// A server that mixes up its tokens would show one call's progress in another's stream.
function isForeignProgress({ params }: NotificationMessage, call: LegacyCall | undefined): boolean {
  return call === undefined || params === undefined || idTokenOf(params, 'progressToken') !== call.id;
}
