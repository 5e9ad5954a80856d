import { type Held, hold, keyOf } from './audit-held.ts';
import { type AuditRecord, textAt } from './audit-record.ts';

/** What was open at one moment, by what it belonged to. */
export interface Moment {
  readonly time: string;
  readonly sessions: readonly { readonly session: Held; readonly owned: readonly Held[] }[];
  /** What belonged to no session: listen streams and their subscriptions, handles that a principal's sessions share. */
  readonly others: readonly Held[];
  /** What belonged to a session that was not open: leaks. */
  readonly orphans: readonly Held[];
  /** What the log may not know: it begins in the middle, records were dropped, or no gateway ran. */
  readonly notes: readonly string[];
}

/** Replays the opens and closes of a log up to a time. */
export class MomentReplay {
  readonly #time: string;
  readonly #held = new Map<string, Held>();
  /** Closed after the moment: open at it, whether or not the log knows since when. */
  readonly #later = new Map<string, Held>();
  /** Opened after the moment. */
  readonly #opened = new Set<string>();
  #isFirst = true;
  #isLate = false;
  #isRunning = false;
  #lastAt: string | undefined;
  #gapUntil: string | undefined;

  /** @param time ms since the epoch. */
  constructor(time: number) {
    this.#time = new Date(time).toISOString();
  }

  /** Looks at the next record, in the order of the log. */
  take(record: AuditRecord): void {
    if (this.#isFirst) this.#isLate = textAt(record, 'prev') !== '';
    this.#isFirst = false;
    // All times are RFC 3339 in UTC with milliseconds: they sort as texts.
    if (record.t > this.#time) return this.#takeLater(record);
    this.#lastAt = record.t;
    if (record.event === 'gateway.start' || record.event === 'gateway.stop')
      this.#isRunning = record.event === 'gateway.start';
    if (record.event === 'log.gap') this.#gapUntil = record.t;
    const held = hold(this.#held, record);
    if (held?.closed !== undefined) this.#held.delete(keyOf(held.kind, held.ref));
  }

  /** What was open. */
  finish(): Moment {
    const open = [...this.#held.values(), ...this.#later.values()];
    const sessions = open.filter(({ kind }) => kind === 'session');
    const ids = new Set(sessions.map(({ ref }) => ref));
    const carriers = new Map(sessions.map((session) => [session.stream, session.ref]));
    const ownerOf = (held: Held): string | undefined =>
      held.session ?? (held.kind === 'stream' ? carriers.get(held.ref) : undefined);
    const rest = open.filter(({ kind }) => kind !== 'session');
    return {
      time: this.#time,
      sessions: sessions.map((session) => ({ session, owned: rest.filter((held) => ownerOf(held) === session.ref) })),
      others: rest.filter((held) => ownerOf(held) === undefined),
      orphans: rest.filter((held) => held.session !== undefined && !ids.has(held.session)),
      notes: this.#notes(open),
    };
  }

  #takeLater(record: AuditRecord): void {
    const known = new Map<string, Held>();
    const held = hold(known, record);
    if (held === undefined) return;
    const key = keyOf(held.kind, held.ref);
    const open = this.#held.get(key) ?? this.#later.get(key);
    if (held.opened !== undefined) this.#opened.add(key);
    else if (open !== undefined) Object.assign(open, { closed: held.closed, reason: held.reason });
    // Its open stands in a file that is not there any more.
    else if (!this.#opened.has(key) && this.#isLate) this.#later.set(key, held);
  }

  #notes(open: readonly Held[]): string[] {
    const notes: string[] = [];
    if (this.#isLate)
      notes.push('the log begins in the middle: what was opened before it and is still open is not shown');
    if (this.#lastAt === undefined) notes.push('these records begin after this time');
    else if (!this.#isRunning && !this.#isLate) notes.push('no gateway ran at this time');
    if (this.#gapUntil !== undefined) notes.push(`records were dropped before ${this.#gapUntil}`);
    if (open.some(({ reason }) => reason === 'crash-recovered'))
      notes.push('a gateway crashed: what has the end "crash-recovered" may have ended earlier, with its process');
    return notes;
  }
}
