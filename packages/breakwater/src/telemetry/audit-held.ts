import { type AuditRecord, resourceOf, textAt } from './audit-record.ts';

/** A resource as the log tells of it: what it belonged to, and from when to when it was open. */
export interface Held {
  readonly kind: string;
  readonly ref: string;
  /** The hash of the session it belonged to. */
  readonly session: string | undefined;
  readonly stream: string | undefined;
  readonly principal: string | undefined;
  /** What else the open said: a stream's type, a handle's upstream, a session's client. */
  readonly about: string;
  /** Undefined when the log begins later, or its open was dropped. */
  opened: string | undefined;
  /** Undefined while it is open. */
  closed: string | undefined;
  reason: string | undefined;
}

/** A key that no other resource has. */
export function keyOf(kind: string, ref: string): string {
  return `${kind} ${ref}`;
}

/** Puts an open or close record into the table of what was held; returns the resource, or undefined for other records. */
export function hold(table: Map<string, Held>, record: AuditRecord): Held | undefined {
  const resource = resourceOf(record);
  if (resource === undefined) return undefined;
  const { kind, ref, isOpen } = resource;
  const key = keyOf(kind, ref);
  const held = table.get(key) ?? {
    kind,
    ref,
    session: textAt(record, 'owner', 'session') ?? (kind === 'exchange' ? textAt(record, 'session', 'ref') : undefined),
    stream: textAt(record, 'owner', 'stream'),
    principal: textAt(record, 'owner', 'principal') ?? textAt(record, 'principal', 'ref'),
    about: kind === 'exchange' ? askedOf(record) : aboutOf(record),
    opened: undefined,
    closed: undefined,
    reason: undefined,
  };
  table.set(key, held);
  if (isOpen) {
    // A node of a fleet lets go of a session and gets it again.
    held.opened ??= record.t;
    held.closed = undefined;
    held.reason = undefined;
  } else {
    held.closed = record.t;
    held.reason = textAt(record, 'reason') ?? textAt(record, 'outcome');
  }
  return held;
}

/** What an exchange asked for. */
export function askedOf(record: AuditRecord): string {
  const words = ['method', 'tool', 'prompt', 'resource', 'task', 'name'].map((name) => textAt(record, 'op', name));
  return words.filter((word) => word !== undefined).join(' ');
}

function aboutOf(record: AuditRecord): string {
  const words = [
    textAt(record, 'type'),
    textAt(record, 'upstream', 'name'),
    textAt(record, 'upstream', 'revision'),
    textAt(record, 'transport'),
    textAt(record, 'revision'),
    textAt(record, 'route'),
    textAt(record, 'client', 'name'),
    textAt(record, 'client', 'version'),
    textAt(record, 'detail'),
  ];
  return words.filter((word) => word !== undefined).join(' ');
}
