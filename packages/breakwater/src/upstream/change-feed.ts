import type { ServerChange } from '../core/ports.ts';
import type { NotificationMessage } from '../jsonrpc/message.ts';
import { memberValue } from '../jsonrpc/raw.ts';
import { isObject, type JsonObject } from '../protocol/capabilities.ts';

/** How a handle hears of changes in its era. */
export interface ChangeFeed {
  open(): Promise<boolean>;
  watch(uri: string): Promise<boolean>;
  unwatch(uri: string): Promise<void>;
  watchTask(taskId: string): Promise<boolean>;
  unwatchTask(taskId: string): Promise<void>;
  /** Takes a notification; false when it is none of this feed's. */
  receive(notification: NotificationMessage): boolean;
  /** The handle ended. */
  end(): void;
}

/** Lists whose changes a server can report. */
export type ChangeKind = Exclude<ServerChange['kind'], 'updated' | 'task'>;

/** All of {@link ChangeKind}. */
export const CHANGE_KINDS: readonly ChangeKind[] = ['tools', 'prompts', 'resources'];

const KINDS: Readonly<Record<string, ServerChange['kind']>> = {
  'notifications/tools/list_changed': 'tools',
  'notifications/prompts/list_changed': 'prompts',
  'notifications/resources/list_changed': 'resources',
  'notifications/resources/updated': 'updated',
  'notifications/tasks': 'task',
  'notifications/tasks/status': 'task',
};

/** The change that a notification reports; undefined when it reports none. */
export function changeOf({ method, params }: NotificationMessage): ServerChange | undefined {
  const kind = Object.hasOwn(KINDS, method) ? KINDS[method] : undefined;
  if (kind === undefined) return undefined;
  if (kind === 'task') {
    const taskId = params === undefined ? undefined : memberValue(params, 'taskId');
    return typeof taskId === 'string' ? { kind, taskId, params } : undefined;
  }
  if (kind !== 'updated') return { kind, params };
  const uri = params === undefined ? undefined : memberValue(params, 'uri');
  return typeof uri === 'string' ? { kind, uri, params } : undefined;
}

/** The lists whose changes a server with these capabilities reports. */
export function reportedKinds(capabilities: JsonObject): readonly ChangeKind[] {
  return CHANGE_KINDS.filter((kind) => {
    const declared = capabilities[kind];
    return isObject(declared) && declared['listChanged'] === true;
  });
}

/** True when a server with these capabilities accepts subscriptions to resources. */
export function isSubscribable(capabilities: JsonObject): boolean {
  const { resources } = capabilities;
  return isObject(resources) && resources['subscribe'] === true;
}
