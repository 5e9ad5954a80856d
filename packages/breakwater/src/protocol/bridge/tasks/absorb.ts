import { encodeJson, memberObject, memberValue, type RawObject } from '../../../jsonrpc/raw.ts';
import { bytesOf } from '../edits.ts';
import { readEntries, writeEntries } from '../questions/entries.ts';
import { taskIdOf } from './task-id.ts';

/** Pace where the server names none, and the bounds on what it may name. */
const POLL_MS = { usual: 1_000, least: 250, most: 60_000 };

/** How an absorbed task ended, in the form of 2026-07-28: the Reply bridges it like any other outcome. */
export type AbsorbOutcome =
  | { readonly kind: 'result'; readonly result: Buffer }
  | { readonly kind: 'error'; readonly error: Buffer };

/** A modern server's task that the gateway drives itself, so that the client sees an ordinary call. */
export interface AbsorbState {
  readonly taskId: string;
  readonly phase: 'polling' | 'resting' | 'ended';
  /** Keys of questions that were handed on: the server repeats them until it has digested the answers. */
  readonly handled: ReadonlySet<string>;
}

/** What happened to an absorbed task. */
export type AbsorbEvent =
  /** A `tasks/get` result, or the params of a `notifications/tasks`. */
  | { readonly type: 'task'; readonly task: RawObject }
  | { readonly type: 'poll-due' }
  /** Answers to questions of `input`: JSON bytes of `inputResponses`. */
  | { readonly type: 'inputs'; readonly inputResponses: Buffer }
  /** `tasks/get` failed for good; JSON bytes of the error. */
  | { readonly type: 'failed'; readonly error: Buffer }
  /** The client cancelled, or the deadline passed: the runtime answers the client itself. */
  | { readonly type: 'stopped' };

/** What to do for an absorbed task, in order. */
export type AbsorbEffect =
  /** Step `poll-due` after this delay. */
  | { readonly type: 'wait'; readonly delayMs: number }
  /** Send `tasks/get` with these params and step `task`. */
  | { readonly type: 'poll'; readonly params: Buffer }
  /** Have the client answer these (FWD, or `input_required`) and step `inputs`. */
  | { readonly type: 'input'; readonly inputRequests: Buffer }
  /** Send `tasks/update` with these params. */
  | { readonly type: 'update'; readonly params: Buffer }
  /** Send `tasks/cancel` with these params. */
  | { readonly type: 'cancel'; readonly params: Buffer }
  | { readonly type: 'finish'; readonly outcome: AbsorbOutcome };

/** A step's outcome. */
export interface AbsorbStep {
  readonly state: AbsorbState;
  readonly effects: readonly AbsorbEffect[];
}

/** Starts driving the task of a `resultType: "task"` result; undefined when it names none. */
export function startAbsorb(created: RawObject): AbsorbStep | undefined {
  const taskId = taskIdOf(created);
  if (taskId === undefined) return undefined;
  const state: AbsorbState = { taskId, phase: 'resting', handled: new Set() };
  return { state, effects: [{ type: 'wait', delayMs: pollDelay(created) }] };
}

/** The next state of an absorbed task, and what to do. Events that do not belong to the phase change nothing. */
export function stepAbsorb(state: AbsorbState, event: AbsorbEvent): AbsorbStep {
  if (state.phase === 'ended') return { state, effects: [] };
  const params = encodeJson({ taskId: state.taskId });
  switch (event.type) {
    case 'task':
      return takeTask(state, event.task);
    case 'poll-due':
      if (state.phase !== 'resting') return { state, effects: [] };
      return { state: { ...state, phase: 'polling' }, effects: [{ type: 'poll', params }] };
    case 'inputs': {
      const taskId = encodeJson(state.taskId);
      const update = writeEntries([
        ['taskId', taskId],
        ['inputResponses', event.inputResponses],
      ]);
      return { state, effects: [{ type: 'update', params: update }] };
    }
    case 'failed':
      return end(state, { kind: 'error', error: event.error });
    case 'stopped':
      return { state: { ...state, phase: 'ended' }, effects: [{ type: 'cancel', params }] };
  }
}

function takeTask(state: AbsorbState, task: RawObject): AbsorbStep {
  switch (memberValue(task, 'status')) {
    case 'completed': {
      const result = memberObject(task, 'result');
      return result === undefined
        ? end(state, INVALID)
        : end(state, { kind: 'result', result: bytesOf(task, 'result') ?? EMPTY });
    }
    case 'failed':
      return end(state, { kind: 'error', error: bytesOf(task, 'error') ?? INVALID.error });
    case 'cancelled':
      return end(state, CANCELLED);
    case 'input_required':
      return takeQuestions(state, task);
    default:
      return rest(state, task, []);
  }
}

function takeQuestions(state: AbsorbState, task: RawObject): AbsorbStep {
  const requests = memberObject(task, 'inputRequests');
  const entries = (requests === undefined ? undefined : readEntries(requests)) ?? [];
  const fresh = entries.filter(([key]) => !state.handled.has(key));
  if (fresh.length === 0) return rest(state, task, []);
  const handled = new Set([...state.handled, ...fresh.map(([key]) => key)]);
  return rest({ ...state, handled }, task, [{ type: 'input', inputRequests: writeEntries(fresh) }]);
}

// A notification between two polls changes nothing about the poll that is due.
function rest(state: AbsorbState, task: RawObject, effects: readonly AbsorbEffect[]): AbsorbStep {
  if (state.phase === 'resting') return { state, effects };
  const wait: AbsorbEffect = { type: 'wait', delayMs: pollDelay(task) };
  return { state: { ...state, phase: 'resting' }, effects: [...effects, wait] };
}

function end(state: AbsorbState, outcome: AbsorbOutcome): AbsorbStep {
  return { state: { ...state, phase: 'ended' }, effects: [{ type: 'finish', outcome }] };
}

function pollDelay(task: RawObject): number {
  const interval = memberValue(task, 'pollIntervalMs');
  if (typeof interval !== 'number' || !Number.isFinite(interval)) return POLL_MS.usual;
  return Math.min(Math.max(interval, POLL_MS.least), POLL_MS.most);
}

const EMPTY = Buffer.from('{}');
const INVALID = {
  kind: 'error',
  error: Buffer.from('{"code":-32603,"message":"Upstream sent an invalid message."}'),
} as const;
const CANCELLED: AbsorbOutcome = {
  kind: 'error',
  error: Buffer.from('{"code":-32603,"message":"The task was cancelled."}'),
};
