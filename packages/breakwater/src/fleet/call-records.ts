import {
  type AdoptedCall,
  type CallRecord,
  type CallRecords,
  type FoundCall,
  questionOf,
  type WaitingCall,
} from '../core/call-records.ts';
import type { Clock } from '../core/ports.ts';
import { type KeyRing, openBytes, sealBytes } from '../core/seal.ts';
import type { Store } from '../core/store.ts';
import { tagsOf } from './node.ts';
import { uidOf } from './session-token.ts';

/** What a {@link StoreCallRecords} works with. */
export interface CallRecordsDeps {
  readonly store: Store;
  readonly ring: KeyRing;
  readonly node: string;
  readonly clock: Clock;
}

/** The largest record. A session has so many calls at most (`inFlightPerSession`), and each has one record. */
const MOST_BYTES = 65_536;
/** How long a record and a claim outlive the client's time: a node that slept must find that it was overtaken. */
const SPARE_MS = 60_000;

/** A record as it is sealed: `params` as latin1. */
interface Written extends Omit<WaitingCall, 'params'> {
  readonly node: string;
  readonly params: string | undefined;
}

/**
 * Calls as records of the store, sealed for their session. Each time a call comes to rest is a turn, with a field of its own; whoever goes on from a turn first
 * makes that turn's claim, which can be made once. Claims are not removed when a call ends: a node that slept would make them again.
 */
export class StoreCallRecords implements CallRecords {
  readonly #deps: CallRecordsDeps;

  constructor(deps: CallRecordsDeps) {
    this.#deps = deps;
  }

  open(sessionId: string, streamId: string): CallRecord {
    return new StoredCall(this.#deps, sessionId, streamId, 0);
  }

  async find(sessionId: string, streamId: string): Promise<FoundCall | undefined> {
    const { store, ring, node, clock } = this.#deps;
    const key = keyOf(streamId);
    const fields = await store.read(key);
    const turn = Math.max(0, ...[...(fields?.keys() ?? [])].map(turnOf));
    const sealed = fields?.get(fieldOf(turn));
    // Attack: a record that was altered, or moved here from another call, session or turn. It does not open.
    const plain = sealed === undefined ? undefined : openBytes(ring, sealed, contextOf(sessionId, streamId, turn));
    if (plain === undefined) return undefined;
    const { node: writer, params, ...rest } = JSON.parse(plain.toString()) as Written;
    const call = { ...rest, params: params === undefined ? undefined : Buffer.from(params, 'latin1') };
    if (call.deadline <= clock.now()) return undefined;
    const taker = (await store.read(claimOf(key, turn)))?.get('node')?.toString('latin1');
    return {
      node: taker ?? writer,
      isTaken: taker !== undefined,
      take: async (): Promise<AdoptedCall | undefined> => {
        const isOurs = await store.create(claimOf(key, turn), { node: Buffer.from(node) }, lifeOf(call, clock));
        return isOurs ? { call, record: new StoredCall(this.#deps, sessionId, streamId, turn) } : undefined;
      },
    };
  }
}

/** One call of this node. What it does to the store it does in order. */
class StoredCall implements CallRecord {
  readonly #deps: CallRecordsDeps;
  readonly #sessionId: string;
  readonly #streamId: string;
  readonly #key: string;
  /** The last turn that was begun. */
  #turn: number;
  /** What was noted of this turn, and not claimed. */
  #noted: WaitingCall | undefined;
  #lastNoted: WaitingCall | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: CallRecordsDeps, sessionId: string, streamId: string, turn: number) {
    this.#deps = deps;
    this.#sessionId = sessionId;
    this.#streamId = streamId;
    this.#key = keyOf(streamId);
    this.#turn = turn;
  }

  questionId(key: string): string {
    return tagsOf(this.#deps.node).mint(questionOf(this.#streamId, key));
  }

  async note(call: WaitingCall): Promise<void> {
    const { store, ring, node, clock } = this.#deps;
    const { params, ...rest } = call;
    const written: Written = { ...rest, node, params: params?.toString('latin1') };
    const plain = Buffer.from(JSON.stringify(written));
    if (this.#noted === undefined) this.#turn++;
    const turn = this.#turn;
    this.#noted = call;
    this.#lastNoted = call;
    // A call that is too large to keep is none that another node can go on with; neither is what stood here before.
    const sealed =
      plain.length > MOST_BYTES ? null : sealBytes(ring, plain, contextOf(this.#sessionId, this.#streamId, turn));
    const change = { [fieldOf(turn)]: sealed, [fieldOf(turn - 1)]: null };
    await this.#then(() => store.write(this.#key, change, lifeOf(call, clock)));
  }

  async claim(): Promise<boolean> {
    const { store, node, clock } = this.#deps;
    const noted = this.#noted;
    if (noted === undefined) return true;
    this.#noted = undefined;
    const claim = claimOf(this.#key, this.#turn);
    const isOurs = await this.#then(() => store.create(claim, { node: Buffer.from(node) }, lifeOf(noted, clock)));
    // Without the store nobody else can have taken it now; what was begun is finished.
    return isOurs !== false;
  }

  forget(): void {
    const { store, clock } = this.#deps;
    const last = this.#lastNoted;
    this.#noted = undefined;
    // Only what this node wrote: another one may have gone on since.
    if (last !== undefined)
      void this.#then(() => store.write(this.#key, { [fieldOf(this.#turn)]: null }, lifeOf(last, clock)));
  }

  /** What the store said; undefined when it is away. */
  #then<T>(step: () => Promise<T>): Promise<T | undefined> {
    const result = this.#last.then(step).catch(() => undefined);
    this.#last = result;
    return result;
  }
}

function keyOf(streamId: string): string {
  return `{f:${streamId}}`;
}

function claimOf(key: string, turn: number): string {
  return `${key}:${turn}`;
}

function fieldOf(turn: number): string {
  return `s${turn}`;
}

function turnOf(field: string): number {
  return Number(/^s([1-9]\d{0,8})$/.exec(field)?.[1] ?? 0);
}

function contextOf(sessionId: string, streamId: string, turn: number): string {
  return `call ${JSON.stringify([uidOf(sessionId), streamId, turn])}`;
}

function lifeOf({ deadline }: WaitingCall, clock: Clock): number {
  return Math.max(0, deadline - clock.now()) + SPARE_MS;
}
