import { askedOf, type Held, hold } from './audit-held.ts';
import { type AuditRecord, textAt } from './audit-record.ts';

/** One step in the life of a session. */
export interface SessionStep {
  readonly t: string;
  readonly event: string;
  /** What was opened or closed, or what was asked. */
  readonly about: string;
  /** The resource's id, or the exchange's. */
  readonly ref: string | undefined;
  readonly reason: string | undefined;
}

/** What the log knows of one session. */
export interface SessionStory {
  readonly ref: string;
  readonly session: Held | undefined;
  /** What belonged to it, in the order of opening. */
  readonly owned: readonly Held[];
  /** Handles that its exchanges used and that did not belong to it alone. */
  readonly usedHandles: readonly string[];
  readonly exchanges: number;
  /** Exchanges that started and whose end is not in the log. */
  readonly unfinished: number;
  /** Exchanges by outcome; `unknown`: the gateway died before they ended. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** In order; exchanges only up to the limit. */
  readonly steps: readonly SessionStep[];
}

const MOST_STEPS = 10_000;

/** Collects the life of one session from all records of a log. */
export class SessionTimeline {
  readonly #refs: ReadonlySet<string>;
  readonly #held = new Map<string, Held>();
  readonly #streams = new Set<string>();
  readonly #steps: SessionStep[] = [];
  readonly #used = new Set<string>();
  readonly #outcomes: Record<string, number> = {};
  /** Streams of which nobody knows yet whether a session came over them. */
  readonly #undecided = new Map<string, AuditRecord>();
  #ref: string | undefined;
  #exchanges = 0;
  readonly #running = new Set<string>();

  /** @param refs what the session may be called in the log: the hash itself, or the hash of an id. */
  constructor(refs: readonly string[]) {
    this.#refs = new Set(refs);
  }

  /** Looks at the next record. */
  take(record: AuditRecord): void {
    if (this.#isAsked(textAt(record, 'session', 'ref'))) this.#takeOwn(record);
    else if (this.#isAsked(textAt(record, 'owner', 'session'))) this.#takeResource(record);
    else this.#takeStream(record);
  }

  /** The story; undefined when no record speaks of the session. */
  finish(): SessionStory | undefined {
    if (this.#ref === undefined) return undefined;
    const all = [...this.#held.values()];
    const own = new Set(all.filter(({ kind }) => kind === 'handle').map(({ ref }) => ref));
    return {
      ref: this.#ref,
      session: all.find(({ kind }) => kind === 'session'),
      owned: all.filter(({ kind }) => kind !== 'session'),
      usedHandles: [...this.#used].filter((handle) => !own.has(handle)),
      exchanges: this.#exchanges,
      unfinished: this.#running.size,
      outcomes: this.#outcomes,
      steps: this.#steps,
    };
  }

  #isAsked(ref: string | undefined): boolean {
    if (ref === undefined || !this.#refs.has(ref)) return false;
    this.#ref = ref;
    return true;
  }

  #takeOwn(record: AuditRecord): void {
    const exchange = textAt(record, 'exchange');
    if (record.event === 'exchange.start' && exchange !== undefined) {
      this.#running.add(exchange);
      return this.#step(record, askedOf(record), exchange, undefined);
    }
    if (record.event !== 'exchange.end') {
      const stream = textAt(record, 'owner', 'stream');
      if (stream !== undefined) this.#adopt(stream);
      return this.#takeResource(record);
    }
    this.#exchanges++;
    if (exchange !== undefined) this.#running.delete(exchange);
    const outcome = textAt(record, 'outcome') ?? 'unknown';
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
    const handle = textAt(record, 'upstream', 'handle');
    if (handle !== undefined) this.#used.add(handle);
    const reason = textAt(record, 'reason') ?? textAt(record, 'code') ?? outcome;
    this.#step(record, askedOf(record), exchange, reason);
  }

  #takeResource(record: AuditRecord): void {
    const held = hold(this.#held, record);
    if (held === undefined) return;
    const about = record.event.endsWith('.open') ? held.about : '';
    this.#step(record, about, held.ref, record.event.endsWith('.close') ? held.reason : undefined);
  }

  // On the 2024 transport the stream is there before the session that ends with it.
  #takeStream(record: AuditRecord): void {
    const ref = textAt(record, 'stream', 'ref');
    if (ref === undefined) return;
    if (this.#streams.has(ref)) this.#takeResource(record);
    else if (record.event === 'stream.open' && textAt(record, 'owner', 'session') === undefined)
      this.#undecided.set(ref, record);
    else this.#undecided.delete(ref);
  }

  #adopt(stream: string): void {
    this.#streams.add(stream);
    const opened = this.#undecided.get(stream);
    this.#undecided.delete(stream);
    if (opened !== undefined) this.#takeResource(opened);
  }

  #step(record: AuditRecord, about: string, ref: string | undefined, reason: string | undefined): void {
    if (this.#steps.length < MOST_STEPS) this.#steps.push({ t: record.t, event: record.event, about, ref, reason });
  }
}
