/** Named values under one key, as bytes that nobody changes. */
export type Fields = ReadonlyMap<string, Buffer>;

/** A change of fields: a value sets one, null removes it. */
export type FieldChange = Readonly<Record<string, Buffer | null>>;

/** Who holds a lease. `epoch` grows with every change of the holder and never repeats: a fence against a holder that slept too long. */
export interface LeaseState {
  readonly holder: string;
  readonly epoch: number;
}

/** Bounds of a log: its oldest entries go first. `ttlMs` counts from the last append or end. */
export interface LogBounds {
  readonly entries: number;
  readonly bytes: number;
  readonly ttlMs: number;
}

/** What a log holds. */
export interface LogContent {
  /** Oldest first; `seq` has gaps only at the front, where entries were dropped. */
  readonly entries: readonly { readonly seq: number; readonly data: Buffer }[];
  /** Sequence number of the newest entry ever appended; 0 for none. */
  readonly last: number;
  /** Nothing will be added any more. */
  readonly ended: boolean;
  /** Who may append. */
  readonly writer: string;
  /** What its writer said of it when it was opened. */
  readonly note: Buffer;
}

/**
 * What all nodes of a fleet share. Each operation is atomic and rejects with a GatewayError `store.unavailable` when the store cannot be reached in
 * time; nothing is known then of whether a write took place. Keys are plain text; the part in braces (`{s:abc}:subs`) decides which keys live together. One
 * key names one thing: a record, a lease or a log. Lifetimes are in ms from the moment of the operation.
 */
export interface Store {
  /** False while it is known to be out of reach. */
  readonly isUp: boolean;

  /** All fields of a record; undefined when there is none. */
  read(key: string): Promise<Fields | undefined>;
  /** Changes fields of a record, making it when needed, and sets its lifetime anew. A record that has no field left is none. */
  write(key: string, change: FieldChange, ttlMs: number): Promise<void>;
  /** Makes a record; false, and no change, when there is one. At least one field must have a value. */
  create(key: string, fields: FieldChange, ttlMs: number): Promise<boolean>;
  /** Sets the lifetime anew; false when there is no such record. */
  touch(key: string, ttlMs: number): Promise<boolean>;
  /** False when there was none. */
  remove(key: string): Promise<boolean>;

  /** Takes a lease that nobody holds; says who holds it now. Who holds it already keeps its epoch and gets the new lifetime. */
  claim(name: string, holder: string, ttlMs: number): Promise<LeaseState>;
  /** Prolongs a lease; false when it is not held under this epoch any more. */
  renew(name: string, lease: LeaseState, ttlMs: number): Promise<boolean>;
  /** Who holds it; undefined when nobody does. */
  holder(name: string): Promise<LeaseState | undefined>;
  /** Gives a lease back; harmless when it is not held any more. */
  yield(name: string, lease: LeaseState): Promise<void>;

  /** Begins a log of which only `writer` may write. Replaces one of the same key. */
  openLog(key: string, writer: string, note: Buffer, ttlMs: number): Promise<void>;
  /** Adds an entry; false when the log is not this writer's, has ended, or is no more. */
  append(key: string, writer: string, data: Buffer, bounds: LogBounds): Promise<boolean>;
  /** Says that nothing will be added, or gives an ended log another lifetime; false when the log is not this writer's, or is no more. */
  endLog(key: string, writer: string, ttlMs: number): Promise<boolean>;
  /** Makes `writer` the only one who may write, whoever was before (whom nothing gets past any more); undefined when there is no such log. */
  takeLog(key: string, writer: string, ttlMs: number): Promise<LogContent | undefined>;
  readLog(key: string): Promise<LogContent | undefined>;

  /** Tells all who listen on a channel at this moment; nobody hears it later. */
  publish(channel: string, message: Buffer): Promise<void>;
  /** Listens on a channel. A listener must not throw. Messages may be lost while the store is out of reach; `onGap` is called afterwards. */
  subscribe(channel: string, listener: (message: Buffer) => void, onGap?: () => void): Promise<() => Promise<void>>;

  /** What time it is by the store's own clock, ms since the epoch: the same for all nodes, however wrong their machines' are. */
  time(): Promise<number>;
  /** Time of the first start of this store, by its own clock: older than that, nothing it does not know proves anything. */
  born(): Promise<number>;
  close(): Promise<void>;
}
