import { RpcCode } from '../jsonrpc/message.ts';
import { isSoundPayload } from '../jsonrpc/parse.ts';
import { memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import type { TaskWish } from '../protocol/bridge/request.ts';
import { canBeAsked } from '../protocol/capabilities.ts';
import { eraOf } from '../protocol/revision.ts';
import { handleNeed } from './catalogue.ts';
import { GatewayError, isGatewayError, toGatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type {
  CallControl,
  CallNotification,
  CallSink,
  Clock,
  Handle,
  Lease,
  Outcome,
  ResultStart,
  ServerChange,
  ServerQuestion,
  Timer,
} from './ports.ts';
import type { Target } from './resolver.ts';
import type { RouteMember } from './route.ts';
import type { ServerViews } from './server-view.ts';

const CHANGES: Readonly<Record<string, ServerChange['kind']>> = {
  'notifications/tools/list_changed': 'tools',
  'notifications/prompts/list_changed': 'prompts',
  'notifications/resources/list_changed': 'resources',
  'notifications/resources/updated': 'updated',
};

/** How long a call waits for the stream on which its server may ask, once the stream was requested. */
const FEED_START_MS = 100;

/** What a {@link MemberCall} works with. */
export interface MemberCallDeps {
  readonly clock: Clock;
  readonly views: ServerViews;
}

/** Who follows a call on a server. `done` is called exactly once for each `send`, unless the call was cancelled. */
export interface CallFollower {
  /** See {@link CallSink.suspended}. */
  readonly suspended: boolean;
  /** The call is about to be sent on this handle. Says whether it has to be run as a task. */
  starting(handle: Handle, member: RouteMember): TaskWish | undefined;
  /** Whoever goes on with the call because this outcome is not its answer, with the lease; undefined when it is the answer. `token`: see {@link CallControl.token}. */
  succeed(outcome: Outcome, lease: Lease, token: string | undefined): CallSuccessor | undefined;
  notify(notification: CallNotification): void;
  ask(question: ServerQuestion): void;
  /** See {@link CallSink.beginResult}. */
  beginResult?(start: ResultStart): ((bytes: Buffer) => void) | undefined;
  done(outcome: Outcome): void;
}

/** Goes on with a call: what is done to the call is done to it from then on. */
export interface CallSuccessor {
  /** It has given its outcome: a call that is sent again is a new one. */
  readonly isOver: boolean;
  resend(params: RawObject | undefined): void;
  holdDeadline(): void;
  resumeDeadline(): void;
  pause(): void;
  resume(): void;
  cancel(reason: string): void;
}

/** How often a call goes to the next owner of a handle that was just given up, in a fleet. */
const MAX_RETURNS = 2;

/** A call on the first member of its target that takes it: holds the lease, the deadline and the running request, and can be sent again. */
export class MemberCall implements CallSink {
  readonly #deps: MemberCallDeps;
  readonly #exchange: Exchange;
  readonly #target: Target;
  readonly #follower: CallFollower;
  #params: RawObject | undefined;
  #member: RouteMember | undefined;
  #attempt = 0;
  #lease: Lease | undefined;
  #control: CallControl | undefined;
  #successor: CallSuccessor | undefined;
  #deadline: Timer | undefined;
  #handle: string | undefined;
  #returns = 0;
  /** A part of the result was passed on. */
  #hasBegun = false;
  #ended = false;

  constructor(deps: MemberCallDeps, exchange: Exchange, target: Target, follower: CallFollower) {
    this.#deps = deps;
    this.#exchange = exchange;
    this.#target = target;
    this.#params = target.params;
    this.#follower = follower;
  }

  /** The upstream that is being asked, or was asked last. */
  get upstream(): string | undefined {
    return this.#member?.upstream.name;
  }

  /** The id of the handle it was sent on last. */
  get handle(): string | undefined {
    return this.#handle;
  }

  get suspended(): boolean {
    return this.#follower.suspended;
  }

  get isHeld(): boolean {
    return this.#lease?.isHeld !== false;
  }

  /** What is sent: the client's params in the server's own names. */
  get params(): RawObject | undefined {
    return this.#params;
  }

  /** Another node can send it again as it is: nobody succeeded to it, and any handle of the upstream will do. */
  get isRestorable(): boolean {
    const { pin, method } = this.#target;
    return pin === undefined && method === undefined && this.#successor?.isOver !== false;
  }

  /** Sends the call. */
  send(): void {
    this.#attempt = 0;
    this.#tryNext();
  }

  /** Sends it again to the server that answered, with other params when given. Only after `done`, or first where another node sent it before. */
  resend(params: RawObject | undefined = this.#params): void {
    this.#params = params;
    const member = this.#member;
    if (this.#ended) return;
    if (member === undefined) return this.send();
    if (this.#successor?.isOver === false) this.#successor.resend(params);
    else this.#acquire(member);
  }

  /**
   * Listens for pages that the server says are finished while the call is not at the server. Call what it resolves with to stop; until then the handle
   * is held.
   */
  async hearPages(listener: (elicitationId: string) => void): Promise<() => void> {
    const member = this.#member;
    if (member === undefined) return () => undefined;
    try {
      const lease = await member.upstream.acquire(handleNeed(member, this.#exchange, this.#deps.clock.now()));
      const stop = lease.handle.onPage(listener);
      return () => {
        stop();
        lease.release();
      };
    } catch {
      // Without the server there is nothing to hear; that it is gone is found out when the call is sent again.
      return () => undefined;
    }
  }

  /** The server waits for a person: the request's own deadline stands still until {@link resumeDeadline}. */
  holdDeadline(): void {
    this.#deadline?.clear();
    this.#successor?.holdDeadline();
  }

  resumeDeadline(): void {
    if (this.#control !== undefined && this.#member !== undefined) this.#armDeadline(this.#member);
    this.#successor?.resumeDeadline();
  }

  pause(): void {
    (this.#successor ?? this.#control)?.pause();
  }

  resume(): void {
    (this.#successor ?? this.#control)?.resume();
  }

  /** Ends the call at the server and lets go of everything; nothing is reported any more. */
  cancel(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    (this.#successor ?? this.#control)?.cancel(reason);
    this.#release();
  }

  notify(notification: CallNotification): void {
    if (this.#ended) return;
    const change = CHANGES[notification.method];
    if (change === undefined) this.#follower.notify(notification);
    else this.#reportChange(change, notification);
  }

  ask(question: ServerQuestion): void {
    if (!this.#ended) this.#follower.ask(question);
  }

  beginResult(start: ResultStart): ((bytes: Buffer) => void) | undefined {
    const write = this.#ended ? undefined : this.#follower.beginResult?.(start);
    this.#hasBegun = write !== undefined;
    return write;
  }

  done(answered: Outcome): void {
    if (this.#ended) return;
    if (this.#hasBegun) {
      this.#release();
      return this.#follower.done(answered);
    }
    const outcome = checkSound(answered);
    if (this.#handOver(outcome)) return;
    const server = this.#lease?.handle;
    this.#release();
    if (outcome.kind === 'error' && this.#attempt < this.#target.members.length && isNotFound(outcome.error)) {
      this.#tryNext();
      return;
    }
    if (this.#member !== undefined && this.#returns < MAX_RETURNS && hasNotBegun(outcome)) {
      this.#returns++;
      void this.#acquire(this.#member);
      return;
    }
    // Only a modern client is told by whom it was answered, and a modern server says that itself.
    const isUnsigned = outcome.kind === 'result' && eraOf(outcome.revision) !== eraOf(this.#exchange.client.revision);
    this.#follower.done(isUnsigned && server !== undefined ? { ...outcome, serverInfo: server.server.info } : outcome);
  }

  #handOver(outcome: Outcome): boolean {
    const lease = this.#lease;
    // Whoever succeeds has the lease from the moment it is asked.
    this.#lease = undefined;
    this.#successor = lease === undefined ? undefined : this.#follower.succeed(outcome, lease, this.#control?.token);
    if (this.#successor === undefined) this.#lease = lease;
    else this.#release();
    return this.#successor !== undefined;
  }

  #tryNext(): void {
    const member = this.#target.members[this.#attempt++];
    if (member === undefined) this.#fail(new GatewayError('upstream.unavailable'));
    else this.#acquire(member);
  }

  // Without a promise where the handle is there: with one for each step, finding it cost as much as writing the request.
  #acquire(member: RouteMember): void {
    this.#member = member;
    let lease: Lease | Promise<Lease>;
    try {
      const need = handleNeed(member, this.#exchange, this.#deps.clock.now());
      lease = this.#target.pin?.() ?? member.upstream.acquire(need);
    } catch (error) {
      this.#onUnavailable(error);
      return;
    }
    if (lease instanceof Promise)
      lease.then(
        (opened) => this.#take(member, opened),
        (error: unknown) => this.#onUnavailable(error),
      );
    else this.#take(member, lease);
  }

  #onUnavailable(error: unknown): void {
    if (this.#ended) return;
    if (this.#attempt < this.#target.members.length) this.#tryNext();
    else this.#fail(toGatewayError(error));
  }

  #take(member: RouteMember, lease: Lease): void {
    if (this.#mayBeAsked && eraOf(lease.handle.revision) === 'legacy')
      void this.#startFeed(lease.handle).then(() => this.#startOn(member, lease));
    else this.#startOn(member, lease);
  }

  #startOn(member: RouteMember, lease: Lease): void {
    if (this.#ended) return lease.release();
    this.#lease = lease;
    this.#handle = lease.handle.id;
    // While the stream was waited for, another node of the fleet may have taken the handle over.
    if (lease.isHeld === false) return this.#fail(new GatewayError('store.unavailable'));
    try {
      this.#start(member, lease.handle);
    } catch (error) {
      this.#fail(toGatewayError(error));
    }
  }

  // Many servers ask on the session's own stream (in the SDKs that takes no option, the call's stream takes one), and a server without such a
  // stream drops its question and waits: the stream has to be there before the call.
  get #mayBeAsked(): boolean {
    const { traits, client } = this.#exchange;
    return traits?.interactive === true && canBeAsked(client.profile);
  }

  // Some servers (SDK v2 behind its Node adapter) show only with their first event that they have the stream. Waiting for that cost the first call of
  // every session a second; by then the server has long had the request for it.
  #startFeed(handle: Handle): Promise<void> {
    return new Promise((resolve) => {
      const patience = this.#deps.clock.after(FEED_START_MS, resolve);
      void handle.openFeed().finally(() => {
        patience.clear();
        resolve();
      });
    });
  }

  #start(member: RouteMember, handle: Handle): void {
    const { client, progress, logLevel } = this.#exchange;
    const method = this.#target.method ?? this.#exchange.method;
    // A state that no gateway sealed belongs to a modern server; a legacy one never made it (eras.md §2.5).
    if (
      eraOf(handle.revision) === 'legacy' &&
      this.#params?.members.some(({ key }) => key === 'requestState') === true
    ) {
      return this.#fail(
        new GatewayError('params.invalid', {
          message: 'The requestState was altered, or was not made for this server.',
        }),
      );
    }
    const task = this.#follower.starting(handle, member);
    this.#armDeadline(member);
    this.#control = handle.call(
      { method, params: this.#params, client, progress, logLevel, idempotent: this.#target.repeatable, task },
      this,
    );
  }

  #armDeadline(member: RouteMember): void {
    this.#deadline?.clear();
    this.#deadline = this.#deps.clock.after(member.requestTimeoutMs, () => {
      this.#control?.cancel('deadline');
      this.#fail(new GatewayError('upstream.timeout'));
    });
  }

  #fail(error: GatewayError): void {
    if (this.#ended) return;
    this.#release();
    this.#follower.done({ kind: 'failed', error });
  }

  // A change that a server mentions on a request's stream is news for every subscriber, and the modern era forbids it there.
  #reportChange(kind: ServerChange['kind'], { params }: CallNotification): void {
    const member = this.#member;
    if (member === undefined) return;
    const uri = params === undefined ? undefined : memberValue(params, 'uri');
    const change = typeof uri === 'string' ? { kind, uri, params } : { kind, params };
    this.#deps.views.get(member.upstream, this.#exchange.principal, member).report(change);
  }

  #release(): void {
    this.#deadline?.clear();
    this.#deadline = undefined;
    this.#control = undefined;
    this.#lease?.release();
    this.#lease = undefined;
  }
}

function isNotFound(error: Buffer): boolean {
  const object = scanObject(error);
  const code = object === undefined ? undefined : memberValue(object, 'code');
  return code === RpcCode.resourceNotFound || code === RpcCode.invalidParams;
}

// Broken JSON inside a sound envelope would break the client's parser, which takes it for a broken transport.
function checkSound(outcome: Outcome): Outcome {
  if (outcome.kind === 'failed' || (outcome.kind === 'result' && outcome.isSound === true)) return outcome;
  const payload = outcome.kind === 'result' ? outcome.result : outcome.error;
  return isSoundPayload(payload) ? outcome : { kind: 'failed', error: new GatewayError('upstream.invalid') };
}

/** True for a call that the owner of its handle never began: it was giving the handle up. */
function hasNotBegun(outcome: Outcome): boolean {
  return outcome.kind === 'failed' && isGatewayError(outcome.error) && outcome.error.code === 'fleet.owner-gone';
}
