import type { Fields, LeaseState, LogContent } from '../core/store.ts';
import type { Reply } from './redis-link.ts';

/** A record from names and values in turn; undefined when there are none. */
export function readFields(reply: Reply): Fields | undefined {
  const parts = list(reply);
  const fields = new Map<string, Buffer>();
  for (let at = 0; at < parts.length; at += 2) fields.set(text(parts[at]), bytes(parts[at + 1]));
  return fields.size === 0 ? undefined : fields;
}

/** A lease from its holder and epoch; undefined when they are not there. */
export function readLease(reply: Reply): LeaseState | undefined {
  const [holder, epoch] = list(reply);
  return Buffer.isBuffer(holder) ? { holder: holder.toString(), epoch: Number(text(epoch)) } : undefined;
}

/** What the scripts return of a log; undefined when there is none. */
export function readContent(reply: Reply): LogContent | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [writer, note, lastText, ended, rows] = list(reply);
  const last = Number(text(lastText));
  const data = list(rows).map(bytes);
  return {
    entries: data.map((entry, at) => ({ seq: last - data.length + at + 1, data: entry })),
    last,
    ended: ended === 1,
    writer: text(writer),
    note: bytes(note),
  };
}

/** Milliseconds from seconds and microseconds. */
export function readTime(reply: Reply): number {
  const [seconds, micros] = list(reply);
  return Number(text(seconds)) * 1_000 + Math.floor(Number(text(micros)) / 1_000);
}

function list(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

function text(reply: Reply | undefined): string {
  return reply === undefined || reply === null ? '' : String(reply);
}

/** Copied: it is a part of whatever arrived together with it. */
function bytes(reply: Reply | undefined): Buffer {
  return Buffer.isBuffer(reply) ? Buffer.from(reply) : Buffer.alloc(0);
}
