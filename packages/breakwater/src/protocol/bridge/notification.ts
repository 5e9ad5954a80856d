import { type RawObject, replaceValue } from '../../jsonrpc/raw.ts';
import { META } from '../meta.ts';
import { eraOf, type Revision } from '../revision.ts';
import { applyEdits, editMeta, writeObject } from './edits.ts';

/** A notification of one leg, and what names its place on the other. */
export interface NotificationToBridge {
  readonly method: string;
  readonly params: RawObject | undefined;
  readonly from: Revision;
  readonly to: Revision;
  /** The receiver's own progress token: the bytes of its JSON token, read as latin1. */
  readonly progressToken?: string | undefined;
  /** The id of the receiver's `subscriptions/listen`: the bytes of its JSON token, read as latin1. */
  readonly subscriptionId?: string | undefined;
}

/** A notification to write; `params` is JSON bytes. */
export interface BridgedNotification {
  readonly method: string;
  readonly params: Buffer | undefined;
}

/** Changes that a modern server reports on a `subscriptions/listen` stream and nowhere else. */
const SUBSCRIBED = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'notifications/tasks',
]);

/** Each leg says these for itself: they name its own ids, its own handshake, its own streams. */
const PER_LEG = new Set([
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/subscriptions/acknowledged',
]);

/** Notifications that exist since (and until) a revision; one outside of that range has nobody who would understand it. */
const RANGES: Readonly<Record<string, readonly [first: Revision, last: Revision]>> = {
  'notifications/roots/list_changed': ['2024-11-05', '2025-11-25'],
  'notifications/elicitation/complete': ['2025-11-25', '2025-11-25'],
  'notifications/tasks/status': ['2025-11-25', '2025-11-25'],
  'notifications/tasks': ['2026-07-28', '2026-07-28'],
};

/** The notification in the form of `to`, or undefined when it has none there. Params that are not concerned keep their own bytes. */
export function bridgeNotification(args: NotificationToBridge): BridgedNotification | undefined {
  const { method, params, to } = args;
  if (method === PROGRESS) return bridgeProgress(args);
  if (PER_LEG.has(method) || !existsIn(method, to)) return undefined;
  if (SUBSCRIBED.has(method)) return bridgeChange(args);
  return { method, params: params === undefined ? undefined : applyEdits(params, {}) };
}

function existsIn(method: string, to: Revision): boolean {
  const range = Object.hasOwn(RANGES, method) ? RANGES[method] : undefined;
  return range === undefined || (to >= range[0] && to <= range[1]);
}

// A client that gave no token did not ask for progress and must not be sent any.
function bridgeProgress(args: NotificationToBridge): BridgedNotification | undefined {
  const { method, params, progressToken } = args;
  if (params === undefined || progressToken === undefined) return undefined;
  // As text it costs no buffer of its own; beyond ASCII its bytes are no longer its characters.
  const token = ASCII.test(progressToken) ? progressToken : Buffer.from(progressToken, 'latin1');
  return { method, params: applyEdits(params, { progressToken: token }) };
}

const ASCII = /^[\0-\x7f]*$/;
const PROGRESS = 'notifications/progress';

/**
 * A progress notification for its receiver, whole and in latin1: what {@link bridgeNotification} makes of one that names its token once, and with less work,
 * because a server may send many. Undefined for everything else.
 */
export function progressText(
  method: string,
  params: RawObject | undefined,
  progressToken: string | undefined,
): string | undefined {
  if (method !== PROGRESS || params === undefined || progressToken === undefined) return undefined;
  if (params.end - params.start > TEXT_CHARS) return undefined;
  const replaced = replaceValue(params, 'progressToken', progressToken);
  return replaced && `{"jsonrpc":"2.0","method":"${PROGRESS}","params":${replaced}}`;
}

const TEXT_CHARS = 4_096;

function bridgeChange(args: NotificationToBridge): BridgedNotification | undefined {
  const { method, params, to, subscriptionId } = args;
  if (eraOf(to) === 'modern' && subscriptionId === undefined) return undefined;
  const id = eraOf(to) === 'modern' && subscriptionId !== undefined ? Buffer.from(subscriptionId, 'latin1') : undefined;
  const keys = { [META.subscriptionId]: id };
  if (params === undefined) {
    return { method, params: id === undefined ? undefined : writeObject({ _meta: writeObject(keys) }) };
  }
  const bridged = applyEdits(params, editMeta(params, keys));
  // What was there for the subscription id alone goes with it.
  return { method, params: bridged.length === 2 && params.members.length > 0 ? undefined : bridged };
}
