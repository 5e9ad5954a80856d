import { memberValue } from '../jsonrpc/raw.ts';
import type { TaskWish } from '../protocol/bridge/request.ts';
import { createdTask, insistsOnTask, mayRefusePlain } from '../protocol/bridge/tasks/task-support.ts';
import { eraOf } from '../protocol/revision.ts';
import type { Exchange } from './exchange.ts';
import type { CallFollower } from './member-call.ts';
import type { Clock, Handle, Lease, Outcome, ServerQuestion } from './ports.ts';
import type { Target } from './resolver.ts';
import type { RouteMember } from './route.ts';
import type { ServerViews } from './server-view.ts';
import { AbsorbedCall } from './task-absorb.ts';
import type { TaskRole } from './task-role.ts';

/** What a {@link TaskAbsorption} works with. */
export interface AbsorptionDeps {
  readonly exchange: Exchange;
  readonly target: Target;
  readonly member: RouteMember;
  readonly views: ServerViews;
  readonly clock: Clock;
  readonly follower: CallFollower;
  /** The gateway is about to look after a task on this handle. */
  readonly onAbsorb: () => void;
}

/** Watches a plain call on a server that has tasks, and has it absorbed when the server runs it only, or all the same, as one. */
export class TaskAbsorption implements TaskRole {
  readonly wish: TaskWish | undefined;
  readonly #deps: AbsorptionDeps;
  readonly #ttl: TaskWish;
  readonly #keep: ((lease: Lease) => void) | undefined;

  /** @param keep set where the client looks after its task itself and is only told of it; gets the task's handle then, to share it. */
  constructor(deps: AbsorptionDeps, handle: Handle, keep?: (lease: Lease) => void) {
    this.#deps = deps;
    this.#keep = keep;
    // Twice the time the call may take: while a person is waited for, the call's time stands still.
    this.#ttl = { ttlMs: deps.member.requestTimeoutMs * 2 };
    this.wish = eraOf(handle.revision) === 'legacy' && deps.target.taskOnly === true ? this.#ttl : undefined;
  }

  outcome(outcome: Outcome): Outcome {
    return outcome;
  }

  question(question: ServerQuestion): ServerQuestion {
    return question;
  }

  succeed(outcome: Outcome, lease: Lease): AbsorbedCall | undefined {
    if (outcome.kind === 'failed') return undefined;
    if (outcome.kind === 'result' && createdTask(outcome.result, outcome.revision) !== undefined) {
      if (this.#keep !== undefined) {
        this.#keep(lease);
        return undefined;
      }
      const absorbed = this.#absorb(lease);
      absorbed.take(outcome);
      return absorbed;
    }
    if (eraOf(outcome.revision) === 'modern') {
      if (outcome.kind !== 'error' || !insistsOnTask(outcome.error)) return undefined;
      const absorbed = this.#absorb(lease);
      absorbed.call();
      return absorbed;
    }
    if (this.wish !== undefined || !mayRefusePlain(outcome)) return undefined;
    const absorbed = this.#absorb(lease);
    void this.#judge(absorbed, outcome);
    return absorbed;
  }

  #absorb(lease: Lease): AbsorbedCall {
    const { exchange, clock, follower, member, target, onAbsorb } = this.#deps;
    onAbsorb();
    const limitMs = member.requestTimeoutMs;
    const deps = { exchange, clock, follower, wish: this.#ttl, limitMs, keep: this.#keep };
    return new AbsorbedCall(deps, lease, target.params);
  }

  // The SDK's servers refuse with the text of an ordinary failure: only the tool's entry in the list says what it means.
  async #judge(absorbed: AbsorbedCall, outcome: Outcome): Promise<void> {
    if (await this.#isTaskOnly()) absorbed.call();
    else absorbed.take(outcome);
  }

  async #isTaskOnly(): Promise<boolean> {
    const { exchange, target, member, views } = this.#deps;
    const name = target.params === undefined ? undefined : memberValue(target.params, 'name');
    try {
      const { items } = await views.get(member.upstream, exchange.principal, member).list('tools');
      return items.some((item) => item.name === name && item.taskOnly);
    } catch {
      return false; // without the list the server's answer stands as it is
    }
  }
}
