/** A 2026-07-28 client as raw HTTP: calls the tool `act`, and comes back with what it was asked for. */

import { callModern, META, streamModern } from '../requirements/support/clients.ts';
import { at, textAt } from '../requirements/support/json.ts';
import type { WireAnswer, WireStream } from '../requirements/support/wire.ts';

/** The capabilities to be asked anything. */
export const ASKABLE = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

/** What a call can be told. */
export interface CallOptions {
  readonly principal?: string;
  readonly name?: string;
  readonly arguments?: object;
  readonly inputResponses?: object;
  readonly requestState?: string;
  /** More members of `_meta`. */
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** Calls and reads the whole answer. */
export function call(url: string, options: CallOptions = {}): Promise<WireAnswer> {
  const { params, rest } = requestOf(options);
  return callModern(url, 'tools/call', params, rest);
}

/** Calls; the answer is read as it comes. */
export function callStream(url: string, options: CallOptions = {}): Promise<WireStream> {
  const { params, rest } = requestOf(options);
  return streamModern(url, 'tools/call', params, rest);
}

/** The state in an answer that requires input. */
export function stateOf(answer: WireAnswer): string {
  return textAt(answer.messages().at(-1), 'result', 'requestState');
}

/** The keys of the questions in an answer that requires input. */
export function keysOf(answer: WireAnswer): string[] {
  return Object.keys((at(answer.messages().at(-1), 'result', 'inputRequests') ?? {}) as object);
}

/** The last message of an answer. */
export function lastOf(answer: WireAnswer): unknown {
  return answer.messages().at(-1);
}

/** What an accepted form says. */
export function nameIs(name: string): object {
  return { action: 'accept', content: { name } };
}

function requestOf(options: CallOptions) {
  const { principal = 'ann', name = 'act', inputResponses, requestState, meta } = options;
  const params = {
    name,
    arguments: options.arguments ?? {},
    ...(inputResponses !== undefined && { inputResponses }),
    ...(requestState !== undefined && { requestState }),
  };
  const rest = { meta: { [META.capabilities]: ASKABLE, ...meta }, headers: { 'x-test-principal': principal } };
  return { params, rest };
}
