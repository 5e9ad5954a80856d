import type { TaskWish } from '../protocol/bridge/request.ts';
import { wantsTask } from '../protocol/bridge/tasks/task-call.ts';
import { crossesTasks, expectsTask } from '../protocol/bridge/tasks/task-support.ts';
import type { Exchange } from './exchange.ts';
import type { CallFollower, CallSuccessor } from './member-call.ts';
import type { Clock, Handle, Lease, Outcome, Random, ServerQuestion } from './ports.ts';
import type { Target } from './resolver.ts';
import type { RouteMember } from './route.ts';
import type { ServerViews } from './server-view.ts';
import { TaskAbsorption } from './task-absorption.ts';
import type { TaskBook } from './task-book.ts';
import { LegacyTaskOffer, ModernTaskOffer } from './task-offer.ts';
import { TaskPass } from './task-pass.ts';

/** What tasks have to do with one exchange: its answer tells the client of a task, or the gateway looks after one that the client knows nothing of. */
export interface TaskRole {
  /** Set where the server must run the call as a task from the start. */
  readonly wish: TaskWish | undefined;
  /** The outcome as the client may see it. */
  outcome(outcome: Outcome): Outcome;
  /** A question as the client may see it. */
  question(question: ServerQuestion): ServerQuestion;
  /** Goes on with the call where this outcome is not the answer; the lease then is the successor's. */
  succeed(outcome: Outcome, lease: Lease, call: AnsweredCall): CallSuccessor | undefined;
}

/** A call that was answered: who follows it, and the progress token that its server was given. */
export interface AnsweredCall {
  readonly follower: CallFollower;
  readonly token: string | undefined;
}

/** What a role is chosen by, and what it works with. */
export interface TaskRoleDeps {
  readonly exchange: Exchange;
  readonly target: Target;
  readonly member: RouteMember;
  readonly handle: Handle;
  readonly book: TaskBook;
  readonly views: ServerViews;
  readonly clock: Clock;
  readonly random: Random;
  readonly follower: CallFollower;
  /** The gateway is about to look after a task. */
  readonly onAbsorb: () => void;
}

/** The role of tasks in a tool call on a handle whose server has tasks. */
export function makeTaskRole(deps: TaskRoleDeps): TaskRole {
  const { handle, exchange } = deps;
  const server = { revision: handle.revision, capabilities: handle.server.capabilities };
  if (expectsTask(exchange.client, server, exchange.params)) return new TaskPass(deps);
  if (deps.member.crossTasks && crossesTasks(exchange.client, server)) {
    if (exchange.client.revision === '2026-07-28') return new LegacyTaskOffer(deps);
    if (wantsTask(exchange.params)) return new ModernTaskOffer(deps);
  }
  return new TaskAbsorption(deps, handle);
}
