import { memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { encodeError } from '../jsonrpc/write.ts';
import { stepForward } from '../protocol/bridge/questions/forward.ts';
import {
  type ForwardEffect,
  type ForwardEvent,
  type ForwardState,
  startForward,
} from '../protocol/bridge/questions/forward-state.ts';
import { writeRetryParams } from '../protocol/bridge/questions/retry-params.ts';
import type { Exchange } from './exchange.ts';
import type { MemberCall } from './member-call.ts';
import type { AskControl, Clock, Outcome, Reply, Timer } from './ports.ts';

/** Rounds in which one call may ask its client something. */
const MAX_ROUNDS = 20;

/** What a {@link ForwardedCall} works with. */
export interface ForwardDeps {
  readonly exchange: Exchange;
  readonly reply: Reply;
  readonly clock: Clock;
  /** Unguessable; elicitation ids start with it. */
  readonly idPrefix: string;
  /** How long the client may take to answer. */
  readonly answerMs: number;
  /** The call on the modern server; sent again for each round. */
  readonly call: MemberCall;
  /** Gives the client the final outcome. */
  readonly deliver: (outcome: Outcome) => void;
}

/** The questions of a modern server carried to a legacy client: runs the pure machine of `protocol/bridge/questions/forward.ts`. */
export class ForwardedCall {
  readonly #deps: ForwardDeps;
  readonly #asked = new Map<string, AskControl>();
  #state: ForwardState;
  readonly #events: ForwardEvent[] = [];
  /** Runs while a person is waited for: with a question open, or a page that the server says is not finished. */
  #answerDeadline: Timer | undefined;
  #wait: Timer | undefined;

  constructor(deps: ForwardDeps) {
    this.#deps = deps;
    const { method, client } = deps.exchange;
    const { revision, profile } = client;
    this.#state = startForward({
      method,
      client: { revision, profile },
      limits: { rounds: MAX_ROUNDS },
      idPrefix: deps.idPrefix,
    });
  }

  /** Takes an outcome of the server: a question, or the end. */
  take(outcome: Outcome): void {
    const asks = outcome.kind === 'result' ? inputRequired(outcome.result) : undefined;
    if (asks !== undefined) return this.#step({ type: 'input-required', result: asks });
    this.#step({ type: 'finished' });
    this.#clear();
    this.#deps.deliver(outcome);
  }

  /** The client cancelled, or its session ended. */
  cancel(): void {
    this.#step({ type: 'cancelled' });
    this.#clear();
  }

  // What happens while the effects of a step run (a client that reads no stream) is a step of its own, after them.
  #step(event: ForwardEvent): void {
    this.#events.push(event);
    if (this.#events.length > 1) return;
    for (let next = this.#events[0]; next !== undefined; next = this.#events[0]) {
      const { state, effects } = stepForward(this.#state, next);
      this.#state = state;
      for (const effect of effects) this.#run(effect);
      this.#events.shift();
    }
    const { phase, consents } = this.#state;
    if (phase !== 'ended' && (this.#asked.size > 0 || consents.size > 0)) return;
    this.#answerDeadline?.clear();
    this.#answerDeadline = undefined;
  }

  #run(effect: ForwardEffect): void {
    const { exchange, reply, clock, call } = this.#deps;
    switch (effect.type) {
      case 'ask':
        return this.#ask(effect.key, effect.method, effect.params);
      case 'withdraw':
        this.#asked.get(effect.key)?.withdraw('Nobody waits for the answer any more.');
        this.#asked.delete(effect.key);
        return;
      case 'wait':
        this.#wait?.clear();
        this.#wait = clock.after(effect.delayMs, () => this.#step({ type: 'retry-due' }));
        return;
      case 'retry': {
        // In the server's names: what was sent first, not what the client wrote.
        call.resend(scanObject(writeRetryParams(call.params, effect)));
        return;
      }
      case 'notify':
        return reply.tell(effect.method, effect.params);
      case 'finish': {
        this.#clear();
        call.cancel('ended by the gateway');
        const { revision } = exchange.client;
        const { outcome } = effect;
        if (outcome.kind === 'result') this.#deps.deliver({ kind: 'result', revision, result: outcome.result });
        else this.#deps.deliver({ kind: 'error', revision, error: encodeError(outcome.error) });
        return;
      }
    }
  }

  #ask(key: string, method: string, params: Buffer | undefined): void {
    const { reply, clock, answerMs } = this.#deps;
    const asked = reply.ask(method, params, (answer) => {
      this.#asked.delete(key);
      this.#step({ type: 'answered', key, answer });
    });
    if (asked === undefined) return this.#step({ type: 'unreachable', key });
    this.#asked.set(key, asked);
    // A new question has the whole time; what only goes on waiting for a page has not.
    this.#answerDeadline?.clear();
    this.#answerDeadline = clock.after(answerMs, () => this.#step({ type: 'expired' }));
  }

  #clear(): void {
    this.#answerDeadline?.clear();
    this.#wait?.clear();
    for (const asked of this.#asked.values()) asked.withdraw('The request has ended.');
    this.#asked.clear();
  }
}

/** The result as an object when it asks for input, otherwise undefined. */
export function inputRequired(result: Buffer): RawObject | undefined {
  // Most results are long and ask nothing: the words are looked for before the members are scanned.
  if (!result.includes('"input_required"')) return undefined;
  const object = scanObject(result);
  return object !== undefined && memberValue(object, 'resultType') === 'input_required' ? object : undefined;
}
