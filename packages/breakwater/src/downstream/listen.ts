import { toGatewayError } from '../core/errors.ts';
import type { ClientFacts } from '../core/ports.ts';
import type { Change, Subscription, SubscriptionFilter } from '../core/subscription.ts';
import type { RequestMessage } from '../jsonrpc/message.ts';
import { memberValue } from '../jsonrpc/raw.ts';
import { writeNotification, writeResult } from '../jsonrpc/write.ts';
import { isObject } from '../protocol/capabilities.ts';
import { META } from '../protocol/meta.ts';
import { writeChange } from './change-notification.ts';
import { EventStream } from './event-stream.ts';
import type { Inbound } from './inbound.ts';
import { refuse, sendJson } from './refusal.ts';
import { writeFailure } from './reply.ts';
import { MAX_WATCHED_URIS } from './session-subscription.ts';

const MAX_WATCHED_TASKS = 100;

/** Serves `subscriptions/listen`: the acknowledgement first, then what changes, until the client goes or the gateway drains. */
export async function serveListen(inbound: Inbound, message: RequestMessage, client: ClientFacts): Promise<void> {
  const { id } = message;
  if (inbound.accept === 'json') return refuse(inbound, 'request.accept', { id, modern: true });
  const filter = readFilter(message);
  if (typeof filter === 'string') return refuse(inbound, 'params.invalid', { id, modern: true, message: filter });
  const { route, principal, context, res } = inbound;
  const streamId = context.deps.random.id();
  const subscriber = { route: route.path, principal, sessionId: undefined, stream: streamId, client };
  // Changes that come before the acknowledgement wait for it.
  const early: Change[] = [];
  let send: (change: Change) => void = (change) => void early.push(change);
  let subscription: Subscription;
  try {
    subscription = await context.deps.subscriptions.open(subscriber, filter, (change) => send(change));
  } catch (error) {
    const failure = writeFailure(toGatewayError(error), client.revision, id, undefined);
    return sendJson(inbound, failure.status, failure.message);
  }
  if (res.destroyed) return subscription.close('client-gone');
  const stream: EventStream = new EventStream({
    arrival: inbound,
    kind: 'listen',
    id: streamId,
    owner: undefined,
    sessionId: undefined,
    onEnd: (reason) => {
      stopDraining();
      void subscription.close(reason);
    },
  });
  stream.send({ data: writeAcknowledgement(id, subscription.honoured) });
  send = (change) => {
    const data = writeChange(change, client.revision, id);
    if (data !== undefined) stream.send({ data });
  };
  for (const change of early) send(change);
  const stopDraining = context.drain.onBegin(() => {
    // A reload may have changed every list, and who listens again hears only of later changes.
    const { tools, prompts, resources } = subscription.honoured;
    for (const kind of ['tools', 'prompts', 'resources'] as const)
      if ({ tools, prompts, resources }[kind]) send({ kind });
    stream.end('drain', { data: writeResult(id, Buffer.from(`{"resultType":"complete",${metaOf(id)}}`, 'latin1')) });
  });
}

function writeAcknowledgement(id: string, honoured: SubscriptionFilter): Buffer {
  const notifications = JSON.stringify({
    ...(honoured.tools ? { toolsListChanged: true } : {}),
    ...(honoured.prompts ? { promptsListChanged: true } : {}),
    ...(honoured.resources ? { resourcesListChanged: true } : {}),
    ...(honoured.uris.length > 0 ? { resourceSubscriptions: honoured.uris } : {}),
    ...(honoured.taskIds !== undefined && honoured.taskIds.length > 0 ? { taskIds: honoured.taskIds } : {}),
  });
  const params = Buffer.concat([
    Buffer.from(`{${metaOf(id)},"notifications":`, 'latin1'),
    Buffer.from(notifications),
    Buffer.from('}'),
  ]);
  return writeNotification('notifications/subscriptions/acknowledged', params);
}

// The id's own bytes: it is an opaque token of the client's.
function metaOf(id: string): string {
  return `"_meta":{"${META.subscriptionId}":${id}}`;
}

function readFilter({ params }: RequestMessage): SubscriptionFilter | string {
  const notifications = params === undefined ? undefined : memberValue(params, 'notifications');
  if (!isObject(notifications)) return 'params.notifications must be an object.';
  const uris = stringsOf(notifications['resourceSubscriptions']);
  if (uris === undefined) return 'params.notifications.resourceSubscriptions must be an array of strings.';
  const taskIds = stringsOf(notifications['taskIds']);
  if (taskIds === undefined) return 'params.notifications.taskIds must be an array of strings.';
  if (taskIds.length > MAX_WATCHED_TASKS) return `At most ${MAX_WATCHED_TASKS} tasks can be watched by one request.`;
  if (uris.length > MAX_WATCHED_URIS) return `At most ${MAX_WATCHED_URIS} resources can be watched by one request.`;
  return {
    tools: notifications['toolsListChanged'] === true,
    prompts: notifications['promptsListChanged'] === true,
    resources: notifications['resourcesListChanged'] === true,
    uris: [...new Set(uris)],
    taskIds: [...new Set(taskIds)],
  };
}

function stringsOf(value: unknown = []): readonly string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}
