import type { LeaseState } from '../../packages/breakwater/src/core/store.ts';

/** How a call ended for its client. */
export type CallEnd =
  /** The tool's own answer. */
  | { readonly kind: 'ok'; readonly text: string }
  /** An answer that says what went wrong, by the gateway's code or in the words of the documentation. */
  | { readonly kind: 'told'; readonly reason: string }
  /** The client's own connection broke, or it went away itself. */
  | { readonly kind: 'broken'; readonly detail: string };

/** One call of a client. */
export interface CallRecord {
  readonly call: string;
  readonly principal: string;
  readonly what: string;
  readonly startedAt: number;
  /** Every final answer that reached the client; a client that asks for the answer again may get it again. */
  readonly ends: CallEnd[];
  /** How often it asked for the answer. */
  asked: number;
  endedAt: number | undefined;
}

/** Work that a server was given over an owned handle. */
interface Begin {
  readonly at: number;
  readonly lease: string;
  readonly node: string;
  readonly call: string;
  readonly holder: string | undefined;
  /** The node was handing its handles over. */
  readonly isLeaving: boolean;
  /** Ms since the store forgot something. */
  readonly sinceLoss: number;
}

/** All that happened, for the checker. */
export class History {
  readonly calls = new Map<string, CallRecord>();
  /** How often each call took effect. */
  readonly effects = new Map<string, { count: number; principal: string }>();
  readonly begins: Begin[] = [];
  /** Answers that servers got, by question. */
  readonly answers = new Map<string, { readonly by: string; readonly principal: string }[]>();
  /** Sessions that a node did not know though they had not ended. */
  readonly lostSessions: string[] = [];
  /** A node that was leaving had to end what was not over in time. */
  hasOverrun = false;
  /** What must never be, as it was noticed. */
  readonly faults: string[] = [];
  readonly #epochs = new Map<string, { readonly last: number; readonly known: Set<string> }>();
  readonly #writers = new Map<string, string>();

  called(call: string, principal: string, what: string, at: number): CallRecord {
    const record: CallRecord = { call, principal, what, startedAt: at, ends: [], asked: 1, endedAt: undefined };
    this.calls.set(call, record);
    return record;
  }

  tookEffect(call: string, principal: string): void {
    const known = this.effects.get(call) ?? { count: 0, principal };
    known.count++;
    this.effects.set(call, known);
  }

  began(begin: Begin): void {
    this.begins.push(begin);
  }

  answered(question: string, by: string, principal: string): void {
    const known = this.answers.get(question) ?? [];
    known.push({ by, principal });
    this.answers.set(question, known);
  }

  /** The store says who holds a lease. */
  granted(name: string, { holder, epoch }: LeaseState): void {
    const before = this.#epochs.get(name);
    const grant = `${holder} ${epoch}`;
    if (before?.known.has(grant) === true) return;
    if (before !== undefined && epoch <= before.last)
      this.faults.push(`the epoch of ${name} went from ${before.last} to ${epoch}`);
    const known = before?.known ?? new Set();
    this.#epochs.set(name, { last: Math.max(epoch, before?.last ?? 0), known: known.add(grant) });
  }

  /** Names of all leases there ever were. */
  get leases(): readonly string[] {
    return [...this.#epochs.keys()];
  }

  logOpened(key: string, node: string): void {
    const writer = this.#writers.get(key);
    if (writer !== undefined) this.faults.push(`${node} began ${key} anew, which ${writer} has`);
    this.#writers.set(key, node);
  }

  logTaken(key: string, node: string): void {
    this.#writers.set(key, node);
  }

  /** A log has one more entry of this node's. */
  logged(key: string, node: string): void {
    const writer = this.#writers.get(key);
    if (writer !== node) this.faults.push(`${node} added to ${key}, which ${writer} has taken`);
  }
}
