import { GatewayError } from '../core/errors.ts';
import type { Clock, Timer } from '../core/ports.ts';
import type { FieldChange, Fields, LeaseState, LogBounds, LogContent, Store } from '../core/store.ts';
import {
  type Operation,
  type PipeEnd,
  type Question,
  type Request,
  type Response,
  responsesIn,
} from './pipe-messages.ts';
import { within } from './within.ts';

/** What {@link PipeStore} needs of its process. */
export interface PipeStoreOptions {
  readonly clock: Clock;
  /** How long an operation may take; 2000 when absent. */
  readonly deadlineMs?: number;
}

const DEFAULT_DEADLINE_MS = 2_000;
/**
 * How long what is only told waits for company. Half of what the end of a session cost a worker was to wake the process that keeps the store; who waits for
 * that waits this much longer.
 */
const GATHER_MS = 2;
const TOLD: ReadonlySet<Question['op']> = new Set(['write', 'publish']);
/** Bytes that may wait in the pipe for a process that does not read them. */
const MOST_UNSENT_BYTES = 64 * 1_048_576;
/** What a request takes beyond what it carries. */
const ASKING_BYTES = 128;
/** How long what is asked waits for answers that are under way: one server of a cluster may hang while the others answer. */
const MOST_HELD_MS = 10;

interface Waiting {
  readonly bytes: number;
  /** It is in the pipe, or was. */
  isSent: boolean;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface Listener {
  readonly hear: (message: Buffer) => void;
  readonly onGap: (() => void) | undefined;
}

/**
 * The store that another process serves over a pipe. When that process is gone every operation fails with `store.unavailable`. A message costs both
 * processes more than what it says: what is asked while an answer is awaited goes together in the next one.
 */
export class PipeStore implements Store {
  readonly #end: PipeEnd;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Map<number, Listener>();
  readonly #hear = (message: unknown): void => {
    for (const response of responsesIn(message)) this.#take(response);
  };
  /** Of all stores of this process, since several may share an end. */
  static #lastId = 0;
  #next: Request[] = [];
  /** Somebody waits for what the store says to it. */
  #isAsked = false;
  #isPlanned = false;
  #held: Timer | undefined;
  #gathering: Timer | undefined;
  /** Of those that are sent, how many wait for their answer. */
  #underWay = 0;
  #unsentBytes = 0;
  #lost: Error | undefined;

  constructor(end: PipeEnd, { clock, deadlineMs = DEFAULT_DEADLINE_MS }: PipeStoreOptions) {
    this.#end = end;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
    end.on('message', this.#hear);
    end.once('disconnect', () => this.#lose(new Error('the process that keeps the store is gone')));
  }

  get isUp(): boolean {
    return this.#lost === undefined;
  }

  read(key: string): Promise<Fields | undefined> {
    return this.#call('read', key);
  }

  write(key: string, change: FieldChange, ttlMs: number): Promise<void> {
    return this.#call('write', key, change, ttlMs);
  }

  create(key: string, fields: FieldChange, ttlMs: number): Promise<boolean> {
    return this.#call('create', key, fields, ttlMs);
  }

  touch(key: string, ttlMs: number): Promise<boolean> {
    return this.#call('touch', key, ttlMs);
  }

  remove(key: string): Promise<boolean> {
    return this.#call('remove', key);
  }

  claim(name: string, holder: string, ttlMs: number): Promise<LeaseState> {
    return this.#call('claim', name, holder, ttlMs);
  }

  renew(name: string, lease: LeaseState, ttlMs: number): Promise<boolean> {
    return this.#call('renew', name, lease, ttlMs);
  }

  holder(name: string): Promise<LeaseState | undefined> {
    return this.#call('holder', name);
  }

  yield(name: string, lease: LeaseState): Promise<void> {
    return this.#call('yield', name, lease);
  }

  openLog(key: string, writer: string, note: Buffer, ttlMs: number): Promise<void> {
    return this.#call('openLog', key, writer, note, ttlMs);
  }

  append(key: string, writer: string, data: Buffer, bounds: LogBounds): Promise<boolean> {
    return this.#call('append', key, writer, data, bounds);
  }

  endLog(key: string, writer: string, ttlMs: number): Promise<boolean> {
    return this.#call('endLog', key, writer, ttlMs);
  }

  takeLog(key: string, writer: string, ttlMs: number): Promise<LogContent | undefined> {
    return this.#call('takeLog', key, writer, ttlMs);
  }

  readLog(key: string): Promise<LogContent | undefined> {
    return this.#call('readLog', key);
  }

  publish(channel: string, message: Buffer): Promise<void> {
    return this.#call('publish', channel, message);
  }

  async subscribe(channel: string, hear: (message: Buffer) => void, onGap?: () => void): Promise<() => Promise<void>> {
    const id = ++PipeStore.#lastId;
    this.#listeners.set(id, { hear, onGap });
    const leave = async (): Promise<void> => {
      if (!this.#listeners.delete(id) || !this.isUp) return;
      await this.#ask(++PipeStore.#lastId, { op: 'unsubscribe', subscription: id });
    };
    try {
      await this.#ask(id, { op: 'subscribe', channel });
      return leave;
    } catch (error) {
      // The other side may have it all the same.
      leave().catch(() => undefined);
      throw error;
    }
  }

  time(): Promise<number> {
    return this.#call('time');
  }

  born(): Promise<number> {
    return this.#call('born');
  }

  /** Ends this side only. */
  async close(): Promise<void> {
    this.#send();
    this.#end.off('message', this.#hear);
    this.#lose(new Error('the store is closed'));
  }

  async #call<T>(op: Operation, ...words: readonly unknown[]): Promise<T> {
    return (await this.#ask(++PipeStore.#lastId, { op, words })) as T;
  }

  #ask(id: number, question: Question): Promise<unknown> {
    if (this.#lost !== undefined) return Promise.reject(unavailable(this.#lost));
    const bytes = bytesOf(question);
    // Attack: the other process is stuck, and each answer that is over its deadline leaves its bytes in the pipe.
    if (this.#unsentBytes + bytes > MOST_UNSENT_BYTES)
      return Promise.reject(unavailable(new Error('the process that keeps the store does not read')));
    this.#unsentBytes += bytes;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { bytes, isSent: false, resolve, reject });
    this.#next.push({ id, ...question });
    this.#isAsked ||= !TOLD.has(question.op);
    this.#plan();
    return within(this.#clock, this.#deadlineMs, promise, () => {
      this.#settle(id);
      return unavailable(new Error(`no answer within the deadline of ${this.#deadlineMs} ms`));
    });
  }

  #plan(): void {
    if (this.#isPlanned || this.#next.length === 0) return;
    if (this.#underWay > 0) {
      this.#held ??= this.#clock.after(MOST_HELD_MS, () => this.#send());
      return;
    }
    if (!this.#isAsked) {
      this.#gathering ??= this.#clock.after(GATHER_MS, () => this.#send());
      return;
    }
    this.#isPlanned = true;
    setImmediate(() => {
      this.#isPlanned = false;
      this.#send();
    });
  }

  #send(): void {
    this.#held?.clear();
    this.#held = undefined;
    this.#gathering?.clear();
    this.#gathering = undefined;
    this.#isAsked = false;
    // What is over its deadline is not asked any more.
    const storeAsks = this.#next.filter(({ id }) => this.#waiting.has(id));
    this.#next = [];
    if (storeAsks.length === 0) return;
    let bytes = 0;
    for (const { id } of storeAsks) bytes += this.#noteSent(id);
    this.#end.send?.({ storeAsks }, (error) => {
      this.#unsentBytes -= bytes;
      if (error === null) return;
      for (const { id } of storeAsks) this.#settle(id)?.reject(unavailable(error));
    });
  }

  #noteSent(id: number): number {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return 0;
    waiting.isSent = true;
    this.#underWay++;
    return waiting.bytes;
  }

  #take(message: Response): void {
    if ('message' in message) this.#listeners.get(message.id)?.hear(Buffer.from(message.message));
    else if ('gap' in message) this.#listeners.get(message.id)?.onGap?.();
    else if ('value' in message) this.#settle(message.id)?.resolve(message.value);
    else {
      const error = message.isMisuse ? new TypeError(message.error) : unavailable(new Error(message.error));
      this.#settle(message.id)?.reject(error);
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || !this.#waiting.delete(id)) return undefined;
    if (waiting.isSent) this.#underWay--;
    else this.#unsentBytes -= waiting.bytes;
    this.#plan();
    return waiting;
  }

  #lose(cause: Error): void {
    this.#lost ??= cause;
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(unavailable(this.#lost));
    this.#listeners.clear();
  }
}

function unavailable(cause: Error): GatewayError {
  return new GatewayError('store.unavailable', { cause });
}

/** Bytes that it takes in the pipe, about. */
function bytesOf(question: Question): number {
  return 'words' in question
    ? question.words.reduce<number>((sum, word) => sum + sizeOf(word), ASKING_BYTES)
    : ASKING_BYTES;
}

function sizeOf(word: unknown): number {
  if (typeof word === 'string' || Buffer.isBuffer(word)) return word.length;
  if (typeof word !== 'object' || word === null) return 0;
  return Object.entries(word).reduce((sum, [name, value]) => sum + name.length + sizeOf(value), 0);
}
