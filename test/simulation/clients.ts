import type { Principal } from '../../packages/breakwater/src/core/ports.ts';
import { type Balancer, principalOf } from './balancer.ts';
import type { ServerMessage } from './door.ts';
import type { CallEnd, CallRecord } from './history.ts';
import type { FleetWorld } from './node.ts';
import type { SeededRandom } from './random.ts';
import type { ServerKind } from './servers.ts';

/** What a client works with. */
export interface ClientDeps {
  readonly shared: FleetWorld;
  readonly balancer: Balancer;
  readonly random: SeededRandom;
  /** When it begins nothing any more. */
  readonly until: number;
}

/** What a call says to its server. */
interface Call {
  readonly record: CallRecord;
  readonly params: Readonly<Record<string, unknown>>;
}

const ROUTES = ['child', 'child', 'http', 'http', 'modern'] as const;
/** How long an answer to `initialize` is waited for. */
const PATIENCE_MS = 10_000;
const RESUMES = 10;
const REISSUES = 4;

/** What both kinds of client do alike. */
abstract class SimClient {
  readonly principal: Principal;
  protected readonly deps: ClientDeps;
  readonly #name: string;
  #calls = 0;

  constructor(name: string, person: string, deps: ClientDeps) {
    this.#name = name;
    this.principal = principalOf(person);
    this.deps = deps;
  }

  protected sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.deps.shared.world.later(ms, undefined, resolve);
    });
  }

  protected newCall(route: ServerKind): Call {
    const { random, shared } = this.deps;
    const call = `${this.#name}-${++this.#calls}`;
    const what = random.chance(0.4) ? 'ask' : 'note';
    const ms = random.chance(0.2) ? random.between(500, 6_000) : random.between(1, 60);
    const record = shared.history.called(call, this.principal.key, `${what} on ${route}`, shared.world.elapsed);
    return { record, params: { name: 'act', arguments: { call, principal: this.principal.key, what, ms } } };
  }

  protected finish({ record }: Call, end: CallEnd): void {
    record.ends.push(end);
    record.endedAt ??= this.deps.shared.world.elapsed;
    this.deps.shared.world.note(`${record.call} ${record.what}: ${JSON.stringify(end)}`);
  }

  protected answerTo({ record }: Call): unknown {
    return { action: 'accept', content: { by: `${this.principal.key}/${record.call}` } };
  }

  /** How long a person takes. */
  protected think(): Promise<void> {
    const { random } = this.deps;
    return this.sleep(random.chance(0.15) ? random.between(3_000, 14_000) : random.between(50, 1_500));
  }
}

/** A client of 2025-11-25: one session on one route, questions on the stream of its call, lost streams resumed. */
export class LegacyClient extends SimClient {
  readonly route: string;
  readonly #kind: ServerKind;
  sessionId: string | undefined;
  hasDeleted = false;
  #isDeleting = false;
  /** Something after `initialize` was taken. */
  #isProven = false;
  #openedAt = 0;

  constructor(name: string, person: string, kind: ServerKind, deps: ClientDeps) {
    super(name, person, deps);
    this.#kind = kind;
    this.route = `/${kind}`;
  }

  /** Its session, where that is one which must live or must be gone. */
  get settledSession(): string | undefined {
    return this.#isProven ? this.sessionId : undefined;
  }

  async run(): Promise<void> {
    const { random, shared, until } = this.deps;
    await this.sleep(random.between(0, 3_000));
    await this.#open();
    const running: Promise<void>[] = [];
    while (shared.world.elapsed < until && this.sessionId !== undefined) {
      const call = this.#call(this.sessionId);
      running.push(call);
      if (random.chance(0.7)) await call;
      await this.sleep(random.chance(0.15) ? random.between(4_000, 16_000) : random.between(500, 5_000));
    }
    await Promise.all(running);
    if (this.sessionId === undefined || !random.chance(0.3)) return;
    const { balancer } = this.deps;
    this.#isDeleting = true;
    const taken = await balancer.ask({ ...this.#base(this.sessionId), kind: 'delete' });
    if (taken?.kind === 'taken') this.hasDeleted = true;
    else this.sessionId = undefined;
  }

  #base(sessionId: string) {
    return { principal: this.principal, route: this.route, sessionId };
  }

  async #open(): Promise<void> {
    const { balancer, shared, until } = this.deps;
    while (shared.world.elapsed < until) {
      const askedAt = shared.world.elapsed;
      const opened = await balancer.ask({ kind: 'initialize', principal: this.principal, route: this.route });
      // Who waits so long for an answer has given up.
      const isFresh = shared.world.elapsed - askedAt < PATIENCE_MS;
      if (isFresh && opened?.kind === 'taken' && opened.sessionId !== undefined) {
        this.sessionId = opened.sessionId;
        this.#openedAt = askedAt;
        const told = await balancer.ask({ ...this.#base(opened.sessionId), kind: 'initialized' });
        this.#isProven = told?.kind === 'taken';
        if (told !== undefined) this.#checkKnown(told, 'initialized');
        if (this.sessionId !== undefined) return;
      }
      await this.sleep(500);
    }
  }

  #checkKnown(message: ServerMessage, what: string): void {
    if (message.kind !== 'failure' || message.reason !== 'session.unknown' || this.#isDeleting) return;
    this.sessionId = undefined;
    const { world, history } = this.deps.shared;
    // It ended by its own policy: after `initialize` nothing of it got through for so long.
    if (!this.#isProven && world.elapsed - this.#openedAt > PATIENCE_MS) return;
    history.lostSessions.push(`the session of ${this.principal.key} on ${this.route} (${what})`);
  }

  async #call(sessionId: string): Promise<void> {
    const call = this.newCall(this.#kind);
    const end = await new Promise<CallEnd>((resolve) => this.#send(call, sessionId, undefined, RESUMES, resolve));
    this.finish(call, end);
  }

  #send(
    call: Call,
    sessionId: string,
    after: string | undefined,
    resumes: number,
    resolve: (end: CallEnd) => void,
  ): void {
    const { balancer, random } = this.deps;
    let lastEventId = after;
    const again = (detail: string): void => {
      if (lastEventId === undefined || resumes === 0) return resolve({ kind: 'broken', detail });
      void this.sleep(random.between(100, 1_500)).then(() =>
        this.#send(call, sessionId, lastEventId, resumes - 1, resolve),
      );
    };
    const base = this.#base(sessionId);
    const request =
      after === undefined
        ? ({ ...base, kind: 'call', params: call.params } as const)
        : ({ ...base, kind: 'resume', lastEventId: after } as const);
    balancer.send(request, {
      hear: (message) => {
        if (message.kind !== 'taken') lastEventId = message.eventId ?? lastEventId;
        if (message.kind === 'question') void this.#answer(call, sessionId, message.id);
        else if (message.kind === 'result') resolve(endOf(message.result));
        else if (message.kind === 'failure') {
          this.#checkKnown(message, call.record.call);
          // The stream's own end has an id; without one it is the resumption that failed, and that can be tried again.
          const isRetryable = message.reason === 'store.unavailable' || message.reason === 'gateway.draining';
          if (after !== undefined && message.eventId === undefined && isRetryable) again(message.reason);
          else resolve({ kind: 'told', reason: message.reason });
        }
      },
      onBroken: again,
    });
  }

  async #answer(call: Call, sessionId: string, question: string): Promise<void> {
    await this.think();
    const result = this.answerTo(call);
    const told = await this.deps.balancer.ask({ ...this.#base(sessionId), kind: 'answer', question, result });
    if (told !== undefined) this.#checkKnown(told, 'answer');
  }
}

/** A client of 2026-07-28: no session; it comes back with the state that it was given, sometimes twice. */
export class ModernClient extends SimClient {
  async run(): Promise<void> {
    const { random, shared, until } = this.deps;
    await this.sleep(random.between(0, 3_000));
    const running: Promise<void>[] = [];
    while (shared.world.elapsed < until) {
      const call = this.#call(random.pick(ROUTES));
      running.push(call);
      if (random.chance(0.6)) await call;
      await this.sleep(random.between(500, 6_000));
    }
    await Promise.all(running);
  }

  async #call(kind: ServerKind): Promise<void> {
    const { random } = this.deps;
    const call = this.newCall(kind);
    let asked = await this.#send(kind, call.params);
    for (;;) {
      const state = asked.kind === 'result' ? readState(asked.result) : undefined;
      if (state === undefined) return this.#end(call, asked);
      await this.think();
      if (random.chance(0.05)) return this.finish(call, { kind: 'broken', detail: 'went away' });
      const answers = Object.fromEntries(state.keys.map((key) => [key, this.answerTo(call)]));
      const params = { ...call.params, requestState: state.requestState, inputResponses: answers };
      // Only a state of the gateway's own may be sent twice: what a server of the modern era does with its own is its own.
      if (kind === 'modern') asked = await this.#send(kind, params);
      else if (random.chance(0.25)) {
        call.record.asked++;
        const [first, second] = await Promise.all([this.#reissue(kind, params), this.#reissue(kind, params)]);
        if (second.kind !== 'result' || readState(second.result) === undefined) this.#end(call, second);
        asked = first;
      } else asked = await this.#reissue(kind, params);
    }
  }

  /** Sends a state, and once more where the answer was lost. */
  async #reissue(kind: ServerKind, params: Readonly<Record<string, unknown>>): Promise<ServerMessage> {
    for (let left = REISSUES; ; left--) {
      const answer = await this.#send(kind, params);
      if (answer.kind !== 'failure' || !answer.reason.startsWith('broken') || left === 0) return answer;
      await this.sleep(this.deps.random.between(100, 1_000));
    }
  }

  #send(kind: ServerKind, params: Readonly<Record<string, unknown>>): Promise<ServerMessage> {
    const { balancer } = this.deps;
    return new Promise((hear) => {
      balancer.send(
        { kind: 'call', principal: this.principal, route: `/${kind}`, sessionId: undefined, params },
        { hear, onBroken: (detail) => hear({ kind: 'failure', reason: `broken: ${detail}` }) },
      );
    });
  }

  #end(call: Call, message: ServerMessage): void {
    if (message.kind === 'result') this.finish(call, endOf(message.result));
    else if (message.kind !== 'failure') this.finish(call, { kind: 'told', reason: message.kind });
    else if (message.reason.startsWith('broken')) this.finish(call, { kind: 'broken', detail: message.reason });
    else this.finish(call, { kind: 'told', reason: message.reason });
  }
}

interface Result {
  readonly resultType?: string;
  readonly requestState?: string;
  readonly inputRequests?: Readonly<Record<string, unknown>>;
  readonly isError?: boolean;
  readonly content?: readonly { readonly text: string }[];
}

function readState(result: unknown): { readonly requestState: string; readonly keys: readonly string[] } | undefined {
  const { resultType, requestState, inputRequests } = result as Result;
  if (resultType !== 'input_required' || requestState === undefined) return undefined;
  return { requestState, keys: Object.keys(inputRequests ?? {}) };
}

function endOf(result: unknown): CallEnd {
  const { isError, content } = result as Result;
  const text = content?.[0]?.text ?? JSON.stringify(result);
  return isError === true ? { kind: 'told', reason: `tool error: ${text}` } : { kind: 'ok', text };
}
