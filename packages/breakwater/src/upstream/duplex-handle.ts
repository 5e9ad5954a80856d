import { GatewayError } from '../core/errors.ts';
import { CALLER_LOST } from '../core/fleet.ts';
import type { CallControl, CallSink, Clock, ServerChange, ServerQuestion, UpstreamCall } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { type NotificationMessage, type RequestMessage, RpcCode } from '../jsonrpc/message.ts';
import { encodeJson, findMember, memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { encodeError } from '../jsonrpc/write.ts';
import { clientCapabilitiesFor } from '../protocol/bridge/capabilities.ts';
import { bridgeParams } from '../protocol/bridge/request.ts';
import { declareTasks } from '../protocol/bridge/tasks/task-call.ts';
import { type CapabilityProfile, isObject, type JsonObject, type ServerFacts } from '../protocol/capabilities.ts';
import { isAtLeast, isLogLevel, type LogLevel } from '../protocol/logging.ts';
import { eraOf, LATEST_MODERN, type Revision } from '../protocol/revision.ts';
import { CallList } from './call-list.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { DuplexRpc } from './duplex-rpc.ts';
import { LegacyFeed } from './legacy-feed.ts';
import { idTokenOf, ModernFeed } from './modern-feed.ts';
import { notBegunError } from './not-begun.ts';
import type { OpenedHandle } from './opener.ts';
import type { UpstreamLog } from './options.ts';
import { QuestionDesk } from './question-desk.ts';
import { RunningCall } from './running-call.ts';

/** What a handle is made of once the handshake is over. */
export interface DuplexHandleOptions {
  readonly id: string;
  readonly upstream: string;
  readonly revision: Revision;
  readonly server: ServerFacts;
  readonly rpc: DuplexRpc;
  readonly clock: Clock;
  readonly log: UpstreamLog;
  /** What the server was told it may ask. */
  readonly declared: CapabilityProfile;
  /** Several clients use it: questions are refused and logs dropped, because on this channel neither says whose it is. */
  readonly shared: boolean;
  /** `clientInfo` for requests whose client does not say who it is. */
  readonly clientInfo: Buffer;
  readonly interactiveConcurrency?: number | undefined;
}

const EMPTY_RESULT = Buffer.from('{}');
const REASON_CHARS = 200;
/** How long the server may take for a request of our own; sessions and their ends wait for it. */
const OWN_REQUEST_MS = 30_000;

/** A live server behind a duplex channel, in either era. */
export class DuplexHandle implements OpenedHandle {
  readonly id: string;
  readonly upstream: string;
  readonly revision: Revision;
  readonly server: ServerFacts;
  readonly hasSession = true;
  readonly #options: DuplexHandleOptions;
  readonly #rpc: DuplexRpc;
  readonly #isModern: boolean;
  readonly #feed: ChangeFeed;
  readonly #desk: QuestionDesk;
  /** In flight by the id token, oldest first. */
  readonly #calls = new CallList<RunningCall>();
  /** Interactive calls that wait for their turn. */
  readonly #queued: RunningCall[] = [];
  readonly #changeListeners = new Set<(change: ServerChange) => void>();
  readonly #pageListeners = new Set<(elicitationId: string) => void>();
  readonly #progressListeners = new Set<(token: string, params: RawObject) => void>();
  readonly #questionListeners = new Set<(question: ServerQuestion) => boolean>();
  readonly #endListeners = new Set<(reason: string) => void>();
  #interactive = 0;
  /** Requests of our own whose answers somebody waits for. */
  #pendingOwn = 0;
  /** Calls whose reader asked to wait. */
  #paused = 0;
  #isPaused = false;
  #logLevel: LogLevel | undefined;
  #ended: string | undefined;

  constructor(options: DuplexHandleOptions) {
    this.#options = options;
    this.id = options.id;
    this.upstream = options.upstream;
    this.revision = options.revision;
    this.server = options.server;
    this.#rpc = options.rpc;
    this.#isModern = eraOf(options.revision) === 'modern';
    this.#feed = this.#isModern ? this.#modernFeed() : this.#legacyFeed();
    this.#desk = new QuestionDesk({
      ...options,
      offer: (question) => [...this.#questionListeners].some((listener) => listener(question)),
    });
    this.#rpc.setPeer({
      onRequest: (request) => this.#onRequest(request),
      onNotification: (notification) => this.#onNotification(notification),
      onEnd: (_reason, detail) => this.#end(detail),
    });
    if (this.#rpc.ended !== undefined) this.#end(this.#rpc.ended.detail);
  }

  call(call: UpstreamCall, sink: CallSink): CallControl {
    const running = new RunningCall(call, sink, this.revision, (over) => this.#onCallOver(over));
    const limit = this.#options.interactiveConcurrency ?? Number.POSITIVE_INFINITY;
    if (this.#ended !== undefined) {
      const cause = this.#ended;
      queueMicrotask(() => running.onFailed(new GatewayError('upstream.lost', { cause })));
    } else if (running.isInteractive && this.#interactive >= limit) this.#queued.push(running);
    else this.#start(running);
    return {
      get token() {
        return call.progress ? running.id : undefined;
      },
      cancel: (reason) => this.#cancel(running, reason),
      pause: () => this.#setPaused(running, true),
      resume: () => this.#setPaused(running, false),
    };
  }

  openFeed(): Promise<boolean> {
    return this.#ended === undefined ? this.#whileWaiting(this.#feed.open()) : Promise.resolve(false);
  }

  watch(uri: string): Promise<boolean> {
    return this.#ended === undefined ? this.#whileWaiting(this.#feed.watch(uri)) : Promise.resolve(false);
  }

  unwatch(uri: string): Promise<void> {
    return this.#ended === undefined ? this.#whileWaiting(this.#feed.unwatch(uri)) : Promise.resolve();
  }

  watchTask(taskId: string): Promise<boolean> {
    return this.#ended === undefined ? this.#whileWaiting(this.#feed.watchTask(taskId)) : Promise.resolve(false);
  }

  unwatchTask(taskId: string): Promise<void> {
    return this.#ended === undefined ? this.#whileWaiting(this.#feed.unwatchTask(taskId)) : Promise.resolve();
  }

  onChange(listener: (change: ServerChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onPage(listener: (elicitationId: string) => void): () => void {
    this.#pageListeners.add(listener);
    return () => this.#pageListeners.delete(listener);
  }

  onProgress(listener: (token: string, params: RawObject) => void): () => void {
    this.#progressListeners.add(listener);
    return () => this.#progressListeners.delete(listener);
  }

  onQuestion(listener: (question: ServerQuestion) => boolean): () => void {
    this.#questionListeners.add(listener);
    return () => this.#questionListeners.delete(listener);
  }

  onEnd(listener: (reason: string) => void): () => void {
    const ended = this.#ended;
    if (ended === undefined) this.#endListeners.add(listener);
    else queueMicrotask(() => listener(ended));
    return () => this.#endListeners.delete(listener);
  }

  memoryBytes(): number | undefined {
    return this.#rpc.channel.memoryBytes?.();
  }

  async close(reason: string): Promise<void> {
    this.#end(reason);
    await this.#rpc.channel.close();
  }

  #onRequest(request: RequestMessage): void {
    // A modern server must not write requests, and we must not write responses (2026-07-28 stdio §Receiving Messages).
    if (this.#isModern) {
      this.#options.log('warn', 'A modern server sent a request; it was ignored.', { method: request.method });
      return;
    }
    if (request.method === 'ping') this.#rpc.answer(request.id, { result: EMPTY_RESULT });
    else if (this.#options.shared) {
      const error = {
        code: RpcCode.methodNotFound,
        message: 'Client cannot be asked: several clients share this connection',
      };
      this.#rpc.answer(request.id, { error: encodeError(error) });
    } else this.#desk.receive(request, this.#calls);
  }

  #onNotification(notification: NotificationMessage): void {
    const { method, params } = notification;
    if (method === 'notifications/progress') {
      const token = params === undefined ? undefined : idTokenOf(params, 'progressToken');
      const call = token === undefined ? undefined : this.#calls.find(({ id }) => id === token);
      if (params !== undefined && call?.call.progress === true) call.progress(method, params);
      else if (params !== undefined && token !== undefined && call === undefined && !this.#options.shared) {
        for (const listener of [...this.#progressListeners]) listener(token, params);
      }
    } else if (this.#feed.receive(notification)) return;
    else if (method === 'notifications/cancelled') this.#onCancelled(params);
    else if (method === 'notifications/message') this.#onLog(method, params);
    else if (!this.#options.shared) {
      if (method === 'notifications/elicitation/complete') this.#onPageComplete(params);
      this.#soleCall()?.notify(method, params);
    }
  }

  #onPageComplete(params: RawObject | undefined): void {
    const id = params === undefined ? undefined : memberValue(params, 'elicitationId');
    if (typeof id !== 'string') return;
    for (const listener of [...this.#pageListeners]) listener(id);
  }

  #start(running: RunningCall): void {
    const { call } = running;
    if (running.isInteractive) this.#interactive++;
    if (!this.#options.shared) this.#raiseLogLevel(call.logLevel);
    const token = this.#rpc.peekId();
    const params = bridgeParams(call, {
      revision: this.revision,
      progressToken: call.progress ? token : undefined,
      logLevel: this.#options.shared ? undefined : call.logLevel,
      clientInfo: call.client.info ?? this.#options.clientInfo,
      // A modern server asks in its results, which find their own way; only a legacy one asks on the channel.
      clientCapabilities: clientCapabilitiesFor(call.client.capabilities, call.client.revision, this.revision, {
        canAsk: true,
        tasks: call.task !== undefined,
      }),
    });
    running.id = this.#rpc.request(call.method, params, running);
    this.#calls.add(running);
    this.#applyPause();
  }

  #onCallOver(running: RunningCall): void {
    if (running.id === undefined) {
      const at = this.#queued.indexOf(running);
      if (at >= 0) this.#queued.splice(at, 1);
      return;
    }
    this.#calls.delete(running);
    if (running.isPaused) this.#paused--;
    this.#desk.endCall(running, this.#calls);
    if (running.isInteractive) this.#interactive--;
    if (running.isInteractive && this.#ended === undefined) this.#startNext();
    this.#applyPause();
  }

  #startNext(): void {
    for (let next = this.#queued.shift(); next !== undefined; next = this.#queued.shift()) {
      if (next.isHeld) return this.#start(next);
      // It was let in long ago; in doubt nothing is begun.
      next.onFailed(new GatewayError('store.unavailable'));
    }
  }

  #cancel(running: RunningCall, reason: string): void {
    if (running.isOver) return;
    if (running.id !== undefined && this.#ended === undefined) {
      this.#rpc.forget(running.id);
      this.#notifyCancelled(running.id, reason);
    }
    running.abandon(reason === CALLER_LOST);
  }

  #notifyCancelled(id: string, reason?: string): void {
    const why = reason === undefined ? '' : `,"reason":${JSON.stringify(reason.slice(0, REASON_CHARS))}`;
    this.#rpc.notify('notifications/cancelled', Buffer.from(`{"requestId":${id}${why}}`));
  }

  #onCancelled(params: RawObject | undefined): void {
    const member = params === undefined ? undefined : findMember(params, 'requestId');
    if (params !== undefined && member !== undefined)
      this.#desk.withdraw(params.view.slice(member.start, member.end) as RawId);
  }

  // The channel does not say which call a log message belongs to: with exactly one in flight it is that one's, otherwise nobody's.
  #onLog(method: string, params: RawObject | undefined): void {
    const call = this.#options.shared || params === undefined ? undefined : this.#soleCall();
    const level = params === undefined ? undefined : memberValue(params, 'level');
    if (call === undefined || !isLogLevel(level)) return;
    const { logLevel, client } = call.call;
    if (isLogLevel(logLevel)) {
      if (isAtLeast(level, logLevel)) call.notify(method, params);
      return;
    }
    // No level: a modern client wants none, a legacy one what the server chose to send, as long as nobody else turned it up.
    const isChosenByServer =
      eraOf(client.revision) === 'legacy' && (this.#logLevel === undefined || isAtLeast(level, 'info'));
    if (isChosenByServer) call.notify(method, params);
  }

  #raiseLogLevel(asked: string | undefined): void {
    if (this.#isModern || !isLogLevel(asked) || !isObject(this.server.capabilities['logging'])) return;
    if (this.#logLevel !== undefined && isAtLeast(asked, this.#logLevel)) return;
    this.#logLevel = asked;
    void this.#request('logging/setLevel', encodeJson({ level: asked }));
  }

  #soleCall(): RunningCall | undefined {
    const [call] = this.#calls;
    return this.#calls.size === 1 ? call : undefined;
  }

  #setPaused(running: RunningCall, isPaused: boolean): void {
    if (running.isOver || running.isPaused === isPaused || running.id === undefined) return;
    running.isPaused = isPaused;
    this.#paused += isPaused ? 1 : -1;
    this.#applyPause();
  }

  // One channel for all: it stands still only while nobody but slow readers waits for something on it.
  #applyPause(): void {
    const isPaused = this.#paused > 0 && this.#paused === this.#calls.size && this.#pendingOwn === 0;
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#rpc.channel.pause();
    else this.#rpc.channel.resume();
  }

  async #whileWaiting<T>(work: Promise<T>): Promise<T> {
    this.#pendingOwn++;
    this.#applyPause();
    try {
      return await work;
    } finally {
      this.#pendingOwn--;
      this.#applyPause();
    }
  }

  /** Sends a request of our own; true when the server agreed. Silence is a refusal. */
  #request(method: string, params: Buffer): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isAgreed: boolean): void => {
        timer.clear();
        resolve(isAgreed);
      };
      const id = this.#rpc.request(method, params, {
        onResult: () => settle(true),
        onError: () => settle(false),
        onFailed: () => settle(false),
      });
      const timer = this.#options.clock.after(OWN_REQUEST_MS, () => {
        this.#rpc.forget(id);
        this.#notifyCancelled(id, 'deadline');
        resolve(false);
      });
    });
  }

  #legacyFeed(): ChangeFeed {
    return new LegacyFeed({
      capabilities: this.server.capabilities,
      request: (method, params) => this.#request(method, params),
      onChange: (change) => this.#report(change),
    });
  }

  #modernFeed(): ChangeFeed {
    return new ModernFeed({
      capabilities: this.server.capabilities,
      clock: this.#options.clock,
      listen: (filter, onEnd) =>
        this.#rpc.request('subscriptions/listen', this.#listenParams(filter), {
          onResult: onEnd,
          onError: onEnd,
          onFailed: onEnd,
        }),
      cancel: (id) => {
        this.#rpc.forget(id);
        this.#notifyCancelled(id);
      },
      onChange: (change) => this.#report(change),
    });
  }

  #listenParams(filter: JsonObject): Buffer | undefined {
    const { clientInfo } = this.#options;
    const client = { revision: LATEST_MODERN, info: clientInfo, capabilities: {} };
    const params = scanObject(encodeJson({ notifications: filter }));
    return bridgeParams(
      { method: 'subscriptions/listen', params, client },
      { revision: this.revision, clientInfo, clientCapabilities: 'taskIds' in filter ? declareTasks({}) : {} },
    );
  }

  #report(change: ServerChange): void {
    for (const listener of [...this.#changeListeners]) listener(change);
  }

  #end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#feed.end();
    const notBegun = this.#queued.splice(0);
    for (const call of [...this.#calls]) call.onFailed(new GatewayError('upstream.lost', { cause: reason }));
    for (const call of notBegun) call.onFailed(notBegunError(reason));
    for (const listener of [...this.#endListeners]) listener(reason);
    this.#endListeners.clear();
    this.#changeListeners.clear();
    this.#pageListeners.clear();
    this.#questionListeners.clear();
    this.#progressListeners.clear();
  }
}
