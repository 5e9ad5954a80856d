import { splitLine } from './audit-chain.ts';

/** A record as it is read back. Members beside these depend on the event. */
export interface AuditRecord {
  readonly seq: number;
  /** RFC 3339, UTC. */
  readonly t: string;
  readonly instance: string;
  readonly event: string;
  readonly [member: string]: unknown;
}

/** A line of a log file, each of its bytes one character, and where it stands. */
export interface AuditLine {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** Reads a line's record, whether or not its MAC is right; undefined when it is none. */
export function readRecord(line: string): AuditRecord | undefined {
  if (splitLine(line) === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return undefined;
    const { t, instance, event } = value as Readonly<Record<string, unknown>>;
    const isRecord = typeof t === 'string' && typeof instance === 'string' && typeof event === 'string';
    return isRecord ? (value as AuditRecord) : undefined;
  } catch {
    // Somebody changed it so that it is no JSON any more.
    return undefined;
  }
}

/** The text at a path of members; undefined when there is none. */
export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = path.reduce<unknown>(
    (each, name) =>
      typeof each === 'object' && each !== null && Object.hasOwn(each, name)
        ? (each as Readonly<Record<string, unknown>>)[name]
        : undefined,
    value,
  );
  return typeof found === 'string' ? found : undefined;
}

/** What an open or close record is about: its resource, or the exchange that started or ended, and the id of it; undefined for other records. */
export function resourceOf(
  record: AuditRecord,
): { readonly kind: string; readonly ref: string; readonly isOpen: boolean } | undefined {
  const { event, exchange, started } = record;
  const isStart = event === 'exchange.start';
  if (typeof exchange === 'string' && (isStart || (event === 'exchange.end' && started === true)))
    return { kind: 'exchange', ref: exchange, isOpen: isStart };
  const [, kind, verb] = /^(\w+)\.(open|close)$/.exec(record.event) ?? [];
  if (kind === undefined) return undefined;
  const ref = textAt(record, kind, 'ref');
  return ref === undefined ? undefined : { kind, ref, isOpen: verb === 'open' };
}
