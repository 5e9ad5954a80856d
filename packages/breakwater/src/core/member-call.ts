import { RpcCode } from '../jsonrpc/message.ts';
import { memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { eraOf } from '../protocol/revision.ts';
import { handleNeed } from './catalogue.ts';
import { GatewayError, toGatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type {
  CallControl,
  CallNotification,
  CallSink,
  Clock,
  Handle,
  Lease,
  Outcome,
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

/** What a {@link MemberCall} works with. */
export interface MemberCallDeps {
  readonly clock: Clock;
  readonly views: ServerViews;
}

/** Who follows a call on a server. `done` is called exactly once for each `send`, unless the call was cancelled. */
export interface CallFollower {
  /** See {@link CallSink.suspended}. */
  readonly suspended: boolean;
  /** The call is about to be sent on this handle. */
  starting(handle: Handle): void;
  notify(notification: CallNotification): void;
  ask(question: ServerQuestion): void;
  done(outcome: Outcome): void;
}

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
  #deadline: Timer | undefined;
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

  get suspended(): boolean {
    return this.#follower.suspended;
  }

  /** What is sent: the client's params in the server's own names. */
  get params(): RawObject | undefined {
    return this.#params;
  }

  /** Sends the call. */
  async send(): Promise<void> {
    this.#attempt = 0;
    await this.#tryNext();
  }

  /** Sends it again to the server that answered, with other params when given. Only after `done`. */
  async resend(params: RawObject | undefined = this.#params): Promise<void> {
    this.#params = params;
    const member = this.#member;
    if (this.#ended || member === undefined) return;
    await this.#acquire(member);
  }

  /** The server waits for a person: the request's own deadline stands still until {@link resumeDeadline}. */
  holdDeadline(): void {
    this.#deadline?.clear();
  }

  resumeDeadline(): void {
    if (this.#control !== undefined && this.#member !== undefined) this.#armDeadline(this.#member);
  }

  pause(): void {
    this.#control?.pause();
  }

  resume(): void {
    this.#control?.resume();
  }

  /** Ends the call at the server and lets go of everything; nothing is reported any more. */
  cancel(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#control?.cancel(reason);
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

  done(outcome: Outcome): void {
    if (this.#ended) return;
    const serverInfo = this.#lease?.handle.server.info;
    this.#release();
    if (outcome.kind === 'error' && this.#attempt < this.#target.members.length && isNotFound(outcome.error)) {
      void this.#tryNext();
      return;
    }
    this.#follower.done(outcome.kind === 'result' && serverInfo !== undefined ? { ...outcome, serverInfo } : outcome);
  }

  async #tryNext(): Promise<void> {
    const member = this.#target.members[this.#attempt++];
    if (member === undefined) return this.#fail(new GatewayError('upstream.unavailable'));
    await this.#acquire(member);
  }

  async #acquire(member: RouteMember): Promise<void> {
    this.#member = member;
    let lease: Lease;
    try {
      lease = await member.upstream.acquire(handleNeed(member, this.#exchange, this.#deps.clock.now()));
    } catch (error) {
      if (this.#ended) return;
      if (this.#attempt < this.#target.members.length) await this.#tryNext();
      else this.#fail(toGatewayError(error));
      return;
    }
    if (this.#ended) return lease.release();
    this.#lease = lease;
    this.#start(member, lease.handle);
  }

  #start(member: RouteMember, handle: Handle): void {
    const { client, method, progress, logLevel } = this.#exchange;
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
    this.#follower.starting(handle);
    this.#armDeadline(member);
    this.#control = handle.call(
      { method, params: this.#params, client, progress, logLevel, idempotent: this.#target.repeatable },
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
