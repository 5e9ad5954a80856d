import type { ArchivedEvent, EventArchive, StreamCopy, TakenStream } from '../core/event-archive.ts';
import { openBytes, sealBytes } from '../core/seal.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { CopyBudget } from './copy-budget.ts';
import { type CopyDeps, LogCopy, RUNNING_MS } from './log-copy.ts';
import { uidOf } from './session-token.ts';

const NEWLINE = 0x0a;

/** Copies of streams as logs of the store, sealed for their session. */
export class StoreArchive implements EventArchive {
  readonly #deps: CopyDeps;
  readonly #budget: CopyBudget;

  constructor(deps: CopyDeps) {
    this.#deps = deps;
    this.#budget = new CopyBudget(deps.clock, deps.limits.bytes);
  }

  open(sessionId: string, streamId: string, ids: readonly RawId[]): StreamCopy {
    const { ring, node, store } = this.#deps;
    const key = keyOf(streamId);
    const context = contextOf(sessionId, streamId);
    const note = sealBytes(ring, Buffer.from(JSON.stringify(ids), 'latin1'), context);
    const kept = { state: 'running', outlineBytes: note.length, eventBytes: 0, lastSeq: 0 } as const;
    return new LogCopy(this.#deps, this.#budget, { uid: uidOf(sessionId), key, context }, kept, async () => {
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
    const last = events.at(-1)?.seq ?? 0;
    const kept = {
      state: content.ended ? 'ended' : 'running',
      outlineBytes: content.note.length,
      eventBytes: content.entries.reduce((sum, { data }) => sum + data.length, 0),
      lastSeq: last,
    } as const;
    return {
      ids: JSON.parse(note.toString('latin1')) as readonly RawId[],
      // An event without data says that those before it are lost.
      events: events.filter(({ data }) => data.length > 0),
      last,
      ended: content.ended,
      copy: new LogCopy(this.#deps, this.#budget, { uid: uidOf(sessionId), key, context }, kept, async () => true),
    };
  }

  forget(sessionId: string): void {
    for (const copy of this.#budget.of(uidOf(sessionId))) copy.drop();
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
