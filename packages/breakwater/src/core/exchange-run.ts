import { memberValue } from '../jsonrpc/raw.ts';
import { restoreForward } from '../protocol/bridge/questions/forward-record.ts';
import type { TaskWish } from '../protocol/bridge/request.ts';
import { servesTasks } from '../protocol/bridge/tasks/task-support.ts';
import { isAtLeast, isLogLevel } from '../protocol/logging.ts';
import { eraOf } from '../protocol/revision.ts';
import type { Asides } from './asides.ts';
import { passQuestion } from './asking.ts';
import type { AdoptedCall, CallRecords } from './call-records.ts';
import { GatewayError, toGatewayError } from './errors.ts';
import type { Emit, ExchangeRecord } from './events.ts';
import type { Exchange } from './exchange.ts';
import { exchangeRecord } from './exchange-record.ts';
import { ForwardedCall, inputRequired } from './forwarded-call.ts';
import type { Journal } from './journal.ts';
import { type CallFollower, type CallSuccessor, MemberCall } from './member-call.ts';
import type { ParkedCall, ParkReader } from './parked-call.ts';
import type { Parks } from './parks.ts';
import type {
  CallNotification,
  Clock,
  Handle,
  Lease,
  Outcome,
  Random,
  Reply,
  ResultStart,
  ServerQuestion,
} from './ports.ts';
import type { Target } from './resolver.ts';
import type { RouteMember } from './route.ts';
import type { ServerViews } from './server-view.ts';
import type { TaskBook } from './task-book.ts';
import { makeTaskRole, type TaskRole } from './task-role.ts';

/** What a run works with. */
export interface RunDeps {
  readonly exchange: Exchange;
  readonly reply: Reply;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  readonly views: ServerViews;
  readonly parks: Parks;
  readonly tasks: TaskBook;
  readonly asides: Asides;
  /** How long a legacy client may take to answer a question. */
  readonly answerMs: number;
  /** Where calls are written down that wait for a legacy client. */
  readonly records: CallRecords | undefined;
  /** Where it is written down what servers are about to be asked; undefined where nobody wants to know. */
  readonly journal: Journal | undefined;
}

/** One exchange while it runs: joins the client's reply to the call on a server, and is reported exactly once when it ends. */
export class ExchangeRun implements CallFollower {
  readonly #deps: RunDeps;
  /** This run as one of the readers of a call that may be parked. */
  readonly #reader: ParkReader = {
    notify: (notification) => this.#pass(notification),
    finish: (outcome) => this.#finish(outcome),
  };
  #call: MemberCall | undefined;
  #target: Target | undefined;
  /** Set where tasks have to do with this exchange. */
  #task: TaskRole | undefined;
  /** The call may be held open for a client that goes away to gather input. */
  #parked: ParkedCall | undefined;
  #forwarded: ForwardedCall | undefined;
  /** It was begun on another node. */
  #isAdopted = false;
  #answeredBy: string | undefined;
  /** A part of the result was passed on. */
  #hasBegun = false;
  #ended = false;
  #paused = false;
  /** What the client was told last: every round of questions is another call at the server and counts anew. */
  #progress = Number.NEGATIVE_INFINITY;
  #openQuestions = 0;

  constructor(deps: RunDeps) {
    this.#deps = deps;
  }

  /** Ends the exchange with a result that no server was asked for; it is in the client's own form. */
  answerAtEdge(result: Buffer): void {
    this.#finish({ kind: 'result', revision: this.#deps.exchange.client.revision, result });
  }

  /** Ends the exchange with an answer of the gateway's own. */
  refuse(outcome: Outcome): void {
    this.#finish(outcome);
  }

  /** Ends the exchange with what an upstream was asked for in the gateway's own words. */
  answerFor(upstream: string, outcome: Outcome): void {
    this.#answeredBy = upstream;
    this.#finish(outcome);
  }

  /** Ends the exchange with an error of the gateway. */
  fail(error: GatewayError): void {
    this.#finish({ kind: 'failed', error });
  }

  /** Ends the exchange without an answer: the client said so or is gone. */
  cancel(reason: string): void {
    if (this.#ended) return;
    this.#forwarded?.cancel();
    if (this.#parked === undefined) this.#call?.cancel(reason);
    else this.#parked.leave(this.#reader);
    this.#end('cancelled', undefined);
  }

  /**
   * Writes down that a server is about to be asked, and calls `run` then, unless the exchange has ended: cancelled while it was being found out where the
   * call goes, it must not run (2026-07-28 patterns/cancellation). `refusal`: what its client is told where that cannot be written.
   */
  begin(upstream: string | undefined, run: () => void, refusal?: GatewayError): void {
    if (this.#ended) return;
    const { exchange, journal } = this.#deps;
    const written = journal?.begin({ exchange, upstream });
    if (written === undefined) return run();
    written.then(
      () => {
        if (!this.#ended) run();
      },
      (error: unknown) => this.fail(refusal ?? toGatewayError(error)),
    );
  }

  /** Runs the exchange on the target's first member that takes it. `task` is set for a request about a task. */
  forward(target: Target, task?: TaskRole): void {
    if (this.#ended) return;
    // Without a journal every call would pay for a function of its own.
    if (this.#deps.journal === undefined) return this.#send(target, task);
    const [member, other] = target.members;
    this.begin(other === undefined ? member?.upstream.name : undefined, () => this.#send(target, task));
  }

  #send(target: Target, task: TaskRole | undefined): void {
    const { exchange, clock, views } = this.#deps;
    this.#target = target;
    this.#task = task;
    this.#call = new MemberCall({ clock, views }, exchange, target, this);
    this.#call.send();
  }

  /** Goes on with a call that was parked for this client. */
  resume(parked: ParkedCall, round: number, responses: Parameters<ParkedCall['resume']>[2]): void {
    this.begin(undefined, () => {
      this.#parked = parked;
      parked.resume(this.#reader, round, responses);
    });
  }

  /** Goes on with a call that a node began which is gone. */
  adopt(target: Target, { call, record }: AdoptedCall): void {
    const { exchange, clock, views } = this.#deps;
    const { revision, profile } = exchange.client;
    const state = restoreForward(call.state, { revision, profile });
    // A server has it in hand: its client must not be told to begin anew.
    const lost = new GatewayError('fleet.node-lost');
    if (state === undefined) return this.fail(lost);
    const goOn = (): void => {
      this.#target = target;
      this.#isAdopted = true;
      this.#call = new MemberCall({ clock, views }, exchange, target, this);
      this.#forwarded = this.#forwardQuestions(this.#call);
      this.#forwarded.goOn({ state, call, record });
    };
    this.begin(call.upstream, goOn, lost);
  }

  starting(handle: Handle, member: RouteMember): TaskWish | undefined {
    const { exchange, asides, reply, answerMs } = this.#deps;
    if (eraOf(handle.revision) === 'legacy') {
      // It would run the call anew: only a modern server waits for it to be sent again.
      if (this.#isAdopted) throw new GatewayError('fleet.node-lost');
      asides.attach(handle, exchange, reply.aside, answerMs);
      if (eraOf(exchange.client.revision) === 'modern') this.#makeParkable(handle);
    }
    // Most servers have no tasks, and then this is all that their calls are asked.
    if (exchange.method === 'tools/call' && servesTasks(handle.revision, handle.server.capabilities))
      this.#task ??= this.#taskRole(handle, member);
    return this.#task?.wish;
  }

  succeed(outcome: Outcome, lease: Lease, token: string | undefined): CallSuccessor | undefined {
    return this.#task?.succeed(outcome, lease, { follower: this, token });
  }

  #makeParkable(handle: Handle): void {
    const { exchange, parks } = this.#deps;
    if (this.#call === undefined || exchange.traits?.interactive !== true || this.#parked !== undefined) return;
    this.#parked = parks.create(exchange, handle.revision, this.#call, this.#reader);
  }

  #taskRole(handle: Handle, member: RouteMember): TaskRole | undefined {
    const { exchange, clock, random, views, tasks } = this.#deps;
    if (this.#target === undefined) return undefined;
    return makeTaskRole({
      exchange,
      clock,
      random,
      views,
      member,
      handle,
      book: tasks,
      follower: this,
      target: this.#target,
      // A modern client is sent away with a task's questions like with a legacy server's.
      onAbsorb: () => eraOf(exchange.client.revision) === 'modern' && this.#makeParkable(handle),
    });
  }

  get suspended(): boolean {
    return this.#parked?.suspended === true;
  }

  notify(notification: CallNotification): void {
    if (this.#parked === undefined) this.#pass(notification);
    else this.#parked.notify(notification);
  }

  #pass(notification: CallNotification): void {
    if (this.#ended || !this.#isWanted(notification)) return;
    if (!this.#deps.reply.notify(notification)) this.#hold();
  }

  /** The client reads too slowly: lets the server wait until it has caught up. */
  #hold(): void {
    if (this.#paused) return;
    this.#paused = true;
    // A call that this run came back to is the parked one's.
    if (this.#parked === undefined) this.#call?.pause();
    else this.#parked.pause(this.#reader);
    this.#deps.reply.onDrain(() => {
      this.#paused = false;
      if (this.#parked === undefined) this.#call?.resume();
      else this.#parked.unpause(this.#reader);
    });
  }

  // 2026-07-28 server/utilities/logging §Per-request log level: nothing without a level, and nothing below it. A legacy server has one level for
  // all its callers, the lowest anybody asked for.
  #isWanted({ method, params }: CallNotification): boolean {
    if (method === 'notifications/progress') return this.#isProgress(params);
    const { client, logLevel } = this.#deps.exchange;
    if (method !== 'notifications/message' || eraOf(client.revision) === 'legacy') return true;
    const level = params === undefined ? undefined : memberValue(params, 'level');
    return isLogLevel(logLevel) && isLogLevel(level) && isAtLeast(level, logLevel);
  }

  #isProgress(params: CallNotification['params']): boolean {
    const value = params === undefined ? undefined : memberValue(params, 'progress');
    if (typeof value !== 'number' || value <= this.#progress) return false;
    this.#progress = value;
    return true;
  }

  ask(asked: ServerQuestion): void {
    const question = this.#task?.question(asked) ?? asked;
    if (this.#parked !== undefined) return this.#parked.ask(question);
    const { exchange, reply } = this.#deps;
    // While somebody is being waited for, the server's time does not run.
    const onOpen = (): void => {
      if (this.#openQuestions++ === 0) this.#call?.holdDeadline();
    };
    const onClose = (): void => {
      if (--this.#openQuestions === 0) this.#call?.resumeDeadline();
    };
    passQuestion(question, exchange.client, reply, { onOpen, onClose });
  }

  beginResult(start: ResultStart): ((bytes: Buffer) => void) | undefined {
    // Whoever may have to go on with the call has to see what it brought.
    if (this.#ended || this.#task !== undefined || this.#parked !== undefined || this.#forwarded !== undefined)
      return undefined;
    const write = this.#deps.reply.beginResult?.(start);
    if (write === undefined) return undefined;
    this.#hasBegun = true;
    return (bytes) => {
      if (!write(bytes)) this.#hold();
    };
  }

  done(answered: Outcome): void {
    if (this.#hasBegun) return this.#finish(answered);
    const outcome = this.#task?.outcome(answered) ?? answered;
    if (this.#parked !== undefined) return this.#parked.done(outcome);
    if (this.#forwarded === undefined && this.#call !== undefined && this.#asksLegacyClient(outcome))
      this.#forwarded = this.#forwardQuestions(this.#call);
    if (this.#forwarded === undefined) this.#finish(outcome);
    else this.#forwarded.take(outcome);
  }

  #asksLegacyClient(outcome: Outcome): boolean {
    const { client, traits } = this.#deps.exchange;
    if (outcome.kind !== 'result' || eraOf(outcome.revision) === 'legacy' || eraOf(client.revision) === 'modern')
      return false;
    return traits?.interactive === true && inputRequired(outcome.result) !== undefined;
  }

  #forwardQuestions(call: MemberCall): ForwardedCall {
    const { exchange, reply, clock, random, answerMs, records } = this.#deps;
    // How the questions ended the call, if they did, is no task either.
    const deliver = (outcome: Outcome): void => this.#finish(this.#task?.outcome(outcome) ?? outcome);
    return new ForwardedCall({ exchange, reply, clock, answerMs, idPrefix: random.id(), call, deliver, records });
  }

  #finish(outcome: Outcome): void {
    if (this.#ended) return;
    this.#deps.reply.done(outcome);
    if (outcome.kind === 'failed') this.#end('failed', toGatewayError(outcome.error));
    else this.#end(outcome.kind === 'result' ? 'ok' : 'error', undefined);
  }

  #end(outcome: ExchangeRecord['outcome'], error: GatewayError | undefined): void {
    this.#ended = true;
    const { exchange, clock, emit } = this.#deps;
    const end = {
      outcome,
      code: error?.code,
      edge: this.#call === undefined && this.#parked === undefined && this.#answeredBy === undefined,
      upstream: this.#call?.upstream ?? this.#answeredBy,
      handle: this.#call?.handle,
    };
    emit({ type: 'exchange', record: exchangeRecord(exchange, clock.now(), end) });
    if (error !== undefined && error.row.side !== 'client') {
      const detail = { exchange: exchange.id, method: exchange.method, code: error.code, cause: error.cause };
      emit({ type: 'notice', level: 'warn', message: error.message, detail });
    }
  }
}
