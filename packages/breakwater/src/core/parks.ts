import { memberObject, memberValue, type RawObject } from '../jsonrpc/raw.ts';
import { encodeError } from '../jsonrpc/write.ts';
import { failCall } from '../protocol/bridge/questions/ending.ts';
import { EXPIRED } from '../protocol/bridge/questions/park-suspend.ts';
import { LATEST_MODERN, type Revision } from '../protocol/revision.ts';
import { GatewayError } from './errors.ts';
import type { Emit } from './events.ts';
import type { Exchange } from './exchange.ts';
import type { MemberCall } from './member-call.ts';
import { ParkedCall, type ParkReader } from './parked-call.ts';
import type { Clock, Outcome, Random } from './ports.ts';
import { digestRequest, isSealed, type KeyRing, open, seal } from './seal.ts';

/** Bounds of parked calls. Durations in ms. */
export interface ParkLimits {
  readonly perPrincipal: number;
  readonly total: number;
  readonly ttlMs: number;
  readonly keepMs: number;
}

/** What is sealed into a `requestState`. */
interface SealedState {
  /** Park id. */
  readonly k: string;
  readonly r: number;
  /** Expiry, ms since the epoch. */
  readonly e: number;
  /** Principal. */
  readonly p: string;
  /** Digest of the request. */
  readonly d: string;
  /** The node that holds the call, where it is one of a fleet. */
  readonly n?: string;
}

/** How a request with a `requestState` goes on. */
export type ParkLookup =
  /** The state is not ours: the server may know it. */
  | { readonly kind: 'foreign' }
  | {
      readonly kind: 'parked';
      readonly call: ParkedCall;
      readonly round: number;
      readonly responses: RawObject | undefined;
    }
  /** The answer to give. */
  | { readonly kind: 'refused'; readonly outcome: Outcome };

/** The calls of this node that wait for a modern client's input, by the id that only their sealed states know. */
export class Parks {
  readonly #calls = new Map<string, { readonly call: ParkedCall; readonly principal: string }>();
  readonly #admitted = new Map<string, number>();
  /** Calls that are over, whose outcomes a client may have lost; the oldest first. */
  readonly #kept = new Set<ParkedCall>();
  /** Bounds of the calls that are parked from now on; those of a reloaded configuration can be put in. */
  limits: ParkLimits;
  readonly #options: {
    readonly clock: Clock;
    readonly random: Random;
    readonly keys: KeyRing;
    readonly emit: Emit;
    readonly node?: string | undefined;
  };
  #total = 0;

  /** @param options `node`: the name of this node of a fleet, whose nodes all have the same keys. */
  constructor(options: {
    limits: ParkLimits;
    clock: Clock;
    random: Random;
    keys: KeyRing;
    emit: Emit;
    node?: string | undefined;
  }) {
    this.limits = options.limits;
    this.#options = options;
  }

  /** How many calls are held for clients that are away. */
  get size(): number {
    return this.#total;
  }

  /** Makes the call of an exchange one that can be parked. */
  create(exchange: Exchange, server: Revision, call: MemberCall, first: ParkReader): ParkedCall {
    const { clock, random, keys, emit, node } = this.#options;
    const { limits } = this;
    const { principal, method, client } = exchange;
    // Most calls never ask; only those that do get an id.
    let id = '';
    let admitted = false;
    const leave = (): void => {
      if (admitted) this.#leave(principal.key);
      admitted = false;
    };
    const parked = new ParkedCall(
      {
        method,
        profile: client.profile,
        server,
        call,
        clock,
        ttlMs: limits.ttlMs,
        keepMs: limits.keepMs,
        seal: (round, expiresAt) => {
          const state: SealedState = {
            k: id,
            r: round,
            e: expiresAt + limits.keepMs,
            p: principal.key,
            d: digestOf(exchange),
            ...(node !== undefined && { n: node }),
          };
          return seal(keys, state);
        },
        admit: () => {
          admitted = this.#admit(principal.key);
          id = random.id();
          if (!admitted) return false;
          this.#calls.set(id, { call: parked, principal: principal.key });
          const { key } = principal;
          emit({ type: 'open', resource: 'park', id, owner: key, detail: method, principal: key });
          return true;
        },
        onKept: () => {
          leave();
          this.#keep(parked);
        },
        onGone: () => {
          this.#kept.delete(parked);
          leave();
          if (!this.#calls.delete(id)) return;
          emit({ type: 'close', resource: 'park', id, reason: 'over' });
        },
      },
      first,
    );
    return parked;
  }

  /** The other node that holds the call which a retry with these params belongs to. */
  nodeOf(params: RawObject): string | undefined {
    const { node, keys } = this.#options;
    const state = node === undefined ? undefined : memberValue(params, 'requestState');
    if (typeof state !== 'string' || !isSealed(state)) return undefined;
    const sealed = open(keys, state) as SealedState | undefined;
    return sealed?.n === node ? undefined : sealed?.n;
  }

  /** Finds the call that a retry belongs to. Rejects nobody's right to know: a foreign principal's state is like an expired one. */
  lookup(exchange: Exchange): ParkLookup {
    const state = exchange.params === undefined ? undefined : memberValue(exchange.params, 'requestState');
    if (exchange.params === undefined || typeof state !== 'string' || !isSealed(state)) return { kind: 'foreign' };
    const sealed = open(this.#options.keys, state) as SealedState | undefined;
    if (sealed === undefined) return { kind: 'foreign' };
    // Attack: a state stolen from another caller, or taken from a harmless request and sent with another one's arguments.
    if (sealed.p !== exchange.principal.key || sealed.d !== digestOf(exchange)) {
      return {
        kind: 'refused',
        outcome: {
          kind: 'failed',
          error: new GatewayError('params.invalid', { message: 'The requestState belongs to another request.' }),
        },
      };
    }
    const parked = this.#calls.get(sealed.k);
    if (parked === undefined || this.#options.clock.now() > sealed.e)
      return { kind: 'refused', outcome: expiredOutcome(exchange) };
    return {
      kind: 'parked',
      call: parked.call,
      round: sealed.r,
      responses: memberObject(exchange.params, 'inputResponses'),
    };
  }

  /** True while a call is held for a client that is away and has its answer before it. */
  get isAwaited(): boolean {
    for (const { call } of this.#calls.values()) if (call.isAwaited) return true;
    return false;
  }

  /** Ends all parked calls. */
  close(): void {
    for (const { call } of [...this.#calls.values()]) {
      call.expire();
      call.expire();
    }
  }

  // They hold nothing of a server's and count toward nobody's quota: whoever is asked often must not be refused for what was answered.
  #keep(call: ParkedCall): void {
    this.#kept.add(call);
    if (this.#kept.size <= this.limits.total) return;
    const [oldest] = this.#kept;
    oldest?.expire();
  }

  #admit(principal: string): boolean {
    const { limits } = this;
    const held = this.#admitted.get(principal) ?? 0;
    if (held >= limits.perPrincipal || this.#total >= limits.total) return false;
    this.#admitted.set(principal, held + 1);
    this.#total++;
    return true;
  }

  #leave(principal: string): void {
    const held = (this.#admitted.get(principal) ?? 1) - 1;
    if (held <= 0) this.#admitted.delete(principal);
    else this.#admitted.set(principal, held);
    this.#total--;
  }
}

function digestOf({ method, params }: Exchange): string {
  return digestRequest(
    method,
    params === undefined ? undefined : JSON.parse(params.bytes.toString('utf8', params.start, params.end)),
  );
}

function expiredOutcome({ method }: Exchange): Outcome {
  const ending = failCall({ method, revision: LATEST_MODERN }, EXPIRED);
  if (ending.kind === 'result') return { kind: 'result', revision: LATEST_MODERN, result: ending.result };
  return { kind: 'error', revision: LATEST_MODERN, error: encodeError(ending.error) };
}
