import { GatewayError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import type { FieldChange, Fields, LeaseState, LogBounds, LogContent, Store } from '../core/store.ts';
import { ExpiringMap } from './expiring-map.ts';
import { MemoryLog } from './memory-log.ts';
import { changedFields, requireValue } from './record.ts';

interface Listener {
  readonly hear: (message: Buffer) => void;
}

const MICROS_PER_MS = 1_000;
/** What a field takes beyond its name and its value. */
const FIELD_BYTES = 64;
/** What it may hold, when nothing else is said: every process of a machine may be at its mercy. */
const MOST_BYTES = 256 * 1_048_576;

/**
 * A store in this process: for a node alone, for the workers of one machine, and for simulations. Each operation takes place at the moment of its
 * call; messages are delivered right after the running code. It is bounded: the oldest logs go first, and what has no room without them either is refused
 * with `store.unavailable`.
 */
export class MemoryStore implements Store {
  readonly #clock: Clock;
  readonly #mostBytes: number;
  readonly #born: number;
  readonly #records: ExpiringMap<Fields>;
  readonly #leases: ExpiringMap<LeaseState>;
  readonly #logs: ExpiringMap<MemoryLog>;
  readonly #channels = new Map<string, Set<Listener>>();
  #epoch = 0;
  #isOpen = true;

  constructor(clock: Clock, mostBytes = MOST_BYTES) {
    this.#clock = clock;
    this.#mostBytes = mostBytes;
    this.#born = clock.now();
    this.#records = new ExpiringMap(clock, bytesOf);
    this.#leases = new ExpiringMap(clock);
    this.#logs = new ExpiringMap(clock, (log) => log.bytes);
  }

  get isUp(): boolean {
    return this.#isOpen;
  }

  async read(key: string): Promise<Fields | undefined> {
    this.#requireOpen();
    return this.#records.get(key);
  }

  async write(key: string, change: FieldChange, ttlMs: number): Promise<void> {
    this.#requireOpen();
    const known = this.#records.get(key);
    const fields = changedFields(known, change);
    if (fields.size === 0) return void this.#records.delete(key);
    this.#makeRoom(bytesOf(fields) - (known === undefined ? 0 : bytesOf(known)));
    this.#records.set(key, fields, ttlMs);
  }

  async create(key: string, fields: FieldChange, ttlMs: number): Promise<boolean> {
    this.#requireOpen();
    requireValue(fields);
    if (this.#records.get(key) !== undefined) return false;
    const made = changedFields(undefined, fields);
    this.#makeRoom(bytesOf(made));
    this.#records.set(key, made, ttlMs);
    return true;
  }

  async touch(key: string, ttlMs: number): Promise<boolean> {
    this.#requireOpen();
    return this.#records.touch(key, ttlMs);
  }

  async remove(key: string): Promise<boolean> {
    this.#requireOpen();
    return this.#records.delete(key);
  }

  async claim(name: string, holder: string, ttlMs: number): Promise<LeaseState> {
    this.#requireOpen();
    const held = this.#leases.get(name);
    if (held !== undefined && held.holder !== holder) return held;
    if (held === undefined) this.#makeRoom(0);
    const lease = held ?? { holder, epoch: this.#nextEpoch() };
    this.#leases.set(name, lease, ttlMs);
    return lease;
  }

  async renew(name: string, lease: LeaseState, ttlMs: number): Promise<boolean> {
    this.#requireOpen();
    return this.#isHeld(name, lease) && this.#leases.touch(name, ttlMs);
  }

  async holder(name: string): Promise<LeaseState | undefined> {
    this.#requireOpen();
    return this.#leases.get(name);
  }

  async yield(name: string, lease: LeaseState): Promise<void> {
    this.#requireOpen();
    if (this.#isHeld(name, lease)) this.#leases.delete(name);
  }

  async openLog(key: string, writer: string, note: Buffer, ttlMs: number): Promise<void> {
    this.#requireOpen();
    this.#makeRoom(note.length);
    this.#logs.set(key, new MemoryLog(writer, Buffer.from(note)), ttlMs);
  }

  async append(key: string, writer: string, data: Buffer, bounds: LogBounds): Promise<boolean> {
    this.#requireOpen();
    if (this.#openLogOf(key, writer) !== undefined) this.#makeRoom(data.length);
    // Asked again: it may have been the oldest.
    const log = this.#openLogOf(key, writer);
    log?.append(Buffer.from(data), bounds);
    return log !== undefined && this.#logs.touch(key, bounds.ttlMs);
  }

  async endLog(key: string, writer: string, ttlMs: number): Promise<boolean> {
    this.#requireOpen();
    const log = this.#logs.get(key);
    if (log?.isOf(writer) !== true) return false;
    log.end();
    if (ttlMs <= 0) return this.#logs.delete(key);
    return this.#logs.touch(key, ttlMs);
  }

  async takeLog(key: string, writer: string, ttlMs: number): Promise<LogContent | undefined> {
    this.#requireOpen();
    const log = this.#logs.get(key);
    if (log === undefined) return undefined;
    log.take(writer);
    this.#logs.touch(key, ttlMs);
    return log.content();
  }

  async readLog(key: string): Promise<LogContent | undefined> {
    this.#requireOpen();
    return this.#logs.get(key)?.content();
  }

  async publish(channel: string, message: Buffer): Promise<void> {
    this.#requireOpen();
    const copy = Buffer.from(message);
    for (const listener of this.#channels.get(channel) ?? []) {
      // Never within the publisher's own turn, as over a connection; and not to one who left in between.
      queueMicrotask(() => {
        if (this.#channels.get(channel)?.has(listener) === true) listener.hear(copy);
      });
    }
  }

  async subscribe(channel: string, hear: (message: Buffer) => void): Promise<() => Promise<void>> {
    this.#requireOpen();
    const listeners = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, listeners);
    const listener = { hear };
    listeners.add(listener);
    return async () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#channels.get(channel) === listeners) this.#channels.delete(channel);
    };
  }

  async time(): Promise<number> {
    this.#requireOpen();
    return this.#clock.now();
  }

  async born(): Promise<number> {
    this.#requireOpen();
    return this.#born;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    for (const map of [this.#records, this.#leases, this.#logs]) map.clear();
    this.#channels.clear();
  }

  #requireOpen(): void {
    if (!this.#isOpen) throw new GatewayError('store.unavailable', { cause: new Error('the store is closed') });
  }

  #makeRoom(bytes: number): void {
    const isFull = (): boolean => this.#records.bytes + this.#leases.bytes + this.#logs.bytes + bytes > this.#mostBytes;
    while (isFull() && this.#logs.dropOldest());
    if (isFull()) throw new GatewayError('store.unavailable', { cause: new Error('the store is full') });
  }

  #openLogOf(key: string, writer: string): MemoryLog | undefined {
    const log = this.#logs.get(key);
    return log?.isOpenTo(writer) === true ? log : undefined;
  }

  #isHeld(name: string, { holder, epoch }: LeaseState): boolean {
    const held = this.#leases.get(name);
    return held?.holder === holder && held.epoch === epoch;
  }

  /** Of the time, so that they go on growing when the process that keeps this store starts anew. */
  #nextEpoch(): number {
    this.#epoch = Math.max(this.#epoch + 1, Math.floor(this.#clock.now() * MICROS_PER_MS));
    return this.#epoch;
  }
}

function bytesOf(fields: Fields): number {
  let bytes = 0;
  for (const [name, value] of fields) bytes += FIELD_BYTES + name.length + value.length;
  return bytes;
}
