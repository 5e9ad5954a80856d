import type { Change } from '../core/subscription.ts';
import { editObject, memberValue, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { writeNotification } from '../jsonrpc/write.ts';
import { bridgeNotification } from '../protocol/bridge/notification.ts';
import { eraOf, LATEST_MODERN, type Revision } from '../protocol/revision.ts';

const METHODS: Readonly<Record<Exclude<Change['kind'], 'task'>, string>> = {
  tools: 'notifications/tools/list_changed',
  prompts: 'notifications/prompts/list_changed',
  resources: 'notifications/resources/list_changed',
  updated: 'notifications/resources/updated',
};

/** Bytes of the notification that reports a change to a client of `to`; `subscriptionId` is a modern client's listen id. */
export function writeChange(change: Change, to: Revision, subscriptionId?: string): Buffer | undefined {
  // Already in the client's form, under the client's own token.
  if (change.isProgress === true && change.params !== undefined) {
    const { bytes, start, end } = change.params;
    return writeNotification('notifications/progress', bytes.subarray(start, end));
  }
  const method = methodOf(change, to);
  const params = paramsOf(change);
  const bridged = bridgeNotification({ method, params, from: LATEST_MODERN, to, subscriptionId });
  return bridged === undefined ? undefined : writeNotification(bridged.method, bridged.params);
}

// A task is told only to clients that know tasks in its server's form, under that form's name.
function methodOf({ kind }: Change, to: Revision): string {
  if (kind !== 'task') return METHODS[kind];
  return eraOf(to) === 'modern' ? 'notifications/tasks' : 'notifications/tasks/status';
}

// The uri is the one under which this client subscribed, whatever the server calls it.
function paramsOf({ kind, uri, params }: Change): RawObject | undefined {
  if (kind !== 'updated' || uri === undefined) return params;
  if (params === undefined) return scanObject(Buffer.from(JSON.stringify({ uri })));
  return memberValue(params, 'uri') === uri ? params : scanObject(editObject(params, { uri: JSON.stringify(uri) }));
}
