import type { ArchivedEvent, EventArchive, StreamCopy, TakenStream } from '../core/event-archive.ts';
import { type KeyRing, openBytes, sealBytes } from '../core/seal.ts';
import type { LogBounds, Store } from '../core/store.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { uidOf } from './session-token.ts';

/** What a {@link StoreArchive} works with. */
export interface ArchiveDeps {
  readonly store: Store;
  readonly ring: KeyRing;
  readonly node: string;
  /** Bounds of one stream's copy. */
  readonly limits: { readonly events: number; readonly bytes: number };
  /** How long the events of an ended stream can still be resumed. */
  readonly resumeMs: number;
}

/** How long a stream may be silent before its copy is forgotten: no call takes longer. */
const RUNNING_MS = 3_600_000;
const NEWLINE = 0x0a;

/** Copies of streams as logs of the store, sealed for their session. */
export class StoreArchive implements EventArchive {
  readonly #deps: ArchiveDeps;

  constructor(deps: ArchiveDeps) {
    this.#deps = deps;
  }

  open(sessionId: string, streamId: string, ids: readonly RawId[]): StreamCopy {
    const { ring, node, store } = this.#deps;
    const key = keyOf(streamId);
    const context = contextOf(sessionId, streamId);
    const note = sealBytes(ring, Buffer.from(JSON.stringify(ids), 'latin1'), context);
    return new LogCopy(this.#deps, { key, context }, async () => {
      await store.openLog(key, node, note, RUNNING_MS);
      return true;
    });
  }

  find(streamId: string): Promise<{ readonly writer: string; readonly ended: boolean } | undefined> {
    return this.#deps.store.readLog(keyOf(streamId));
  }

  async take(sessionId: string, streamId: string): Promise<TakenStream | undefined> {
    const { store, ring, node } = this.#deps;
    const key = keyOf(streamId);
    const context = contextOf(sessionId, streamId);
    // Attack: another session's stream. It must be neither read nor taken from the node that writes it.
    const before = await store.readLog(key);
    if (before === undefined || openBytes(ring, before.note, context) === undefined) return undefined;
    const content = await store.takeLog(key, node, before.ended ? this.#deps.resumeMs : RUNNING_MS);
    const note = content === undefined ? undefined : openBytes(ring, content.note, context);
    if (content === undefined || note === undefined) return undefined;
    const events = content.entries.flatMap(({ data }) => readEvent(openBytes(ring, data, context)));
    return {
      ids: JSON.parse(note.toString('latin1')) as readonly RawId[],
      events,
      last: events.at(-1)?.seq ?? 0,
      ended: content.ended,
      copy: new LogCopy(this.#deps, { key, context }, async () => true),
    };
  }
}

/** One copy. Its steps go to the store one after the other; the first that fails is the last. */
class LogCopy implements StreamCopy {
  readonly #deps: ArchiveDeps;
  readonly #at: { readonly key: string; readonly context: string };
  #last: Promise<boolean>;
  #waitingBytes = 0;

  constructor(
    deps: ArchiveDeps,
    at: { readonly key: string; readonly context: string },
    begin: () => Promise<boolean>,
  ) {
    this.#deps = deps;
    this.#at = at;
    this.#last = begin().catch(() => false);
  }

  append(seq: number, data: Buffer): void {
    const { store, ring, node, limits } = this.#deps;
    this.#waitingBytes += data.length;
    // The store is slower than the server: what it cannot take is not worth this node's memory.
    const isTooMuch = this.#waitingBytes > limits.bytes;
    const bounds: LogBounds = { entries: limits.events, bytes: limits.bytes, ttlMs: RUNNING_MS };
    this.#then(async () => {
      this.#waitingBytes -= data.length;
      if (isTooMuch) return false;
      const plain = Buffer.concat([Buffer.from(`${seq}\n`), data]);
      return await store.append(this.#at.key, node, sealBytes(ring, plain, this.#at.context), bounds);
    });
  }

  end(): void {
    const { store, node, resumeMs } = this.#deps;
    this.#then(() => store.endLog(this.#at.key, node, resumeMs));
  }

  #then(step: () => Promise<boolean>): void {
    this.#last = this.#last.then((isOn) => isOn && step()).catch(() => false);
  }
}

function keyOf(streamId: string): string {
  return `{e:${streamId}}`;
}

function contextOf(sessionId: string, streamId: string): string {
  return `stream ${JSON.stringify([uidOf(sessionId), streamId])}`;
}

function readEvent(plain: Buffer | undefined): readonly ArchivedEvent[] {
  const end = plain?.indexOf(NEWLINE) ?? -1;
  if (plain === undefined || end < 0) return [];
  return [{ seq: Number(plain.toString('latin1', 0, end)), data: plain.subarray(end + 1) }];
}
