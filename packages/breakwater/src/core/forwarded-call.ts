import { memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { encodeError } from '../jsonrpc/write.ts';
import { stepForward } from '../protocol/bridge/questions/forward.ts';
import { writeForward } from '../protocol/bridge/questions/forward-record.ts';
import {
  type ForwardEffect,
  type ForwardEvent,
  type ForwardState,
  startForward,
} from '../protocol/bridge/questions/forward-state.ts';
import { writeRetryParams } from '../protocol/bridge/questions/retry-params.ts';
import type { CallPlace, CallRecord, CallRecords, WaitingCall } from './call-records.ts';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { MemberCall } from './member-call.ts';
import type { AskControl, Clock, Outcome, QuestionAnswer, Reply, Timer } from './ports.ts';

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
  /** Where the call is written down while it waits for its client; undefined where no other node could go on with it. */
  readonly records: CallRecords | undefined;
}

/** A call that another node wrote down, and this one goes on with. */
export interface RestoredCall {
  readonly state: ForwardState;
  readonly call: WaitingCall;
  readonly record: CallRecord;
}

/** The questions of a modern server carried to a legacy client: runs the pure machine of `protocol/bridge/questions/forward.ts`. */
export class ForwardedCall {
  readonly #deps: ForwardDeps;
  readonly #asked = new Map<string, AskControl>();
  #state: ForwardState;
  readonly #events: ForwardEvent[] = [];
  /** The effects of a step are being run, or wait for the store. */
  #isBusy = false;
  #isOver = false;
  #record: CallRecord | undefined;
  #place: CallPlace | undefined;
  #answerBy = 0;
  /** What the node before this one wrote down. */
  #restored: WaitingCall | undefined;
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
    this.#isOver = true;
    this.#step({ type: 'cancelled' });
    this.#clear();
  }

  /** Goes on, in the place of a node that is gone, with a call whose client has its questions already. Instead of a first {@link take}. */
  goOn({ state, call, record }: RestoredCall): void {
    const { reply, clock, answerMs } = this.#deps;
    this.#state = state;
    this.#restored = call;
    this.#place = call;
    this.#record = record;
    this.#answerBy = call.deadline;
    for (const [key, id] of call.questions) {
      const asked = state.open.has(key) ? reply.expect?.(id, (answer) => this.#take(key, answer)) : undefined;
      if (asked !== undefined) this.#asked.set(key, asked);
    }
    this.#awaitAnswers(Math.max(0, Math.min(call.deadline - clock.now(), answerMs)));
    if (state.phase === 'waiting') this.#events.push({ type: 'retry-due' });
    // It is this node's from now on, and can be lost here, too.
    this.#whenWritten(this.#note(), []);
  }

  #step(event: ForwardEvent): void {
    this.#events.push(event);
    if (!this.#isBusy) this.#work();
  }

  // What happens while the effects of a step run (a client that reads no stream), or wait for the store, is a step of its own, after them.
  #work(): void {
    this.#isBusy = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      const before = this.#state;
      const { state, effects } = stepForward(before, next);
      this.#state = state;
      const written = state === before ? undefined : this.#write(effects);
      if (written !== undefined) return this.#whenWritten(written, effects);
      for (const effect of effects) this.#run(effect);
    }
    this.#isBusy = false;
    const { phase, consents } = this.#state;
    if (phase !== 'ended' && (this.#asked.size > 0 || consents.size > 0)) return;
    this.#answerDeadline?.clear();
    this.#answerDeadline = undefined;
  }

  #whenWritten(written: Promise<boolean>, effects: readonly ForwardEffect[]): void {
    this.#isBusy = true;
    void written.then((mayGoOn) => {
      if (!mayGoOn && !this.#isOver) return this.#lose();
      if (!this.#isOver) for (const effect of effects) this.#run(effect);
      this.#work();
    });
  }

  /**
   * Before a client is asked, its call is written down; before the server is told the answers, the right to do so is claimed: another node may have taken this
   * one for dead. Resolves false when it did. Undefined where there is nothing to wait for.
   */
  #write(effects: readonly ForwardEffect[]): Promise<boolean> | undefined {
    const { phase, consents } = this.#state;
    if (effects.some(({ type }) => type === 'ask')) {
      this.#answerBy = this.#deps.clock.now() + this.#deps.answerMs;
      this.#open();
    }
    if (this.#record === undefined) return undefined;
    if (phase === 'ended') this.#record.forget();
    if (effects.some(({ type }) => type === 'retry')) return this.#record.claim();
    // Waiting for a page is waiting for a person, too; a server that is only not ready yet is asked again too often to be written down.
    const waits = phase === 'asking' || (phase === 'waiting' && consents.size > 0);
    return waits ? this.#note() : undefined;
  }

  #open(): void {
    const { records, exchange, reply, call } = this.#deps;
    if (this.#record !== undefined || exchange.sessionId === undefined || !call.isRestorable) return;
    this.#place = records === undefined ? undefined : reply.place?.();
    if (this.#place !== undefined) this.#record = records?.open(exchange.sessionId, this.#place.streamId);
  }

  async #note(): Promise<boolean> {
    const { exchange, call } = this.#deps;
    const upstream = call.upstream ?? this.#restored?.upstream;
    const record = this.#record;
    const asked = new Map(this.#restored?.questions);
    if (record === undefined || this.#place === undefined || upstream === undefined) return true;
    const { streamId, requestId, progressToken } = this.#place;
    const { open } = this.#state;
    await record.note({
      streamId,
      requestId,
      progressToken,
      method: exchange.method,
      name: exchange.name,
      logLevel: exchange.logLevel,
      upstream,
      params: call.params?.bytes.subarray(call.params.start, call.params.end),
      state: writeForward(this.#state),
      questions: [...open.keys()].map((key) => [key, asked.get(key) ?? record.questionId(key)]),
      deadline: this.#answerBy,
    });
    return true;
  }

  /** Another node goes on with the call. What it tells the client, this node must not know better. */
  #lose(): void {
    this.#isOver = true;
    this.#isBusy = false;
    this.#events.length = 0;
    this.#state = stepForward(this.#state, { type: 'cancelled' }).state;
    this.#clear();
    this.#deps.call.cancel('another node goes on with the call');
    this.#deps.deliver({ kind: 'failed', error: new GatewayError('fleet.node-lost') });
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
    const { reply, answerMs } = this.#deps;
    const id = this.#record?.questionId(key);
    const asked = reply.ask(method, params, (answer) => this.#take(key, answer), id);
    if (asked === undefined) return this.#step({ type: 'unreachable', key });
    this.#asked.set(key, asked);
    // A new question has the whole time; what only goes on waiting for a page has not.
    this.#awaitAnswers(answerMs);
  }

  #take(key: string, answer: QuestionAnswer): void {
    this.#asked.delete(key);
    this.#step({ type: 'answered', key, answer });
  }

  #awaitAnswers(forMs: number): void {
    this.#answerDeadline?.clear();
    this.#answerDeadline = this.#deps.clock.after(forMs, () => this.#step({ type: 'expired' }));
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
