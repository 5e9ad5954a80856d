import { toGatewayError } from '../core/errors.ts';
import type { ClientFacts, Timer } from '../core/ports.ts';
import type { Change, Subscription, SubscriptionFilter } from '../core/subscription.ts';
import type { RawId } from '../jsonrpc/id.ts';
import type { RequestMessage } from '../jsonrpc/message.ts';
import { memberValue } from '../jsonrpc/raw.ts';
import { writeNotification, writeResult } from '../jsonrpc/write.ts';
import { isObject } from '../protocol/capabilities.ts';
import { META } from '../protocol/meta.ts';
import { writeChange } from './change-notification.ts';
import { copyInfo } from './client-table.ts';
import { EventStream } from './event-stream.ts';
import type { Inbound } from './inbound.ts';
import { MissedChanges } from './missed-changes.ts';
import { refuse, sendJson } from './refusal.ts';
import { writeFailure } from './reply.ts';
import { MAX_WATCHED_URIS } from './session-subscription.ts';

const MAX_WATCHED_TASKS = 100;

/** How long the head waits for the upstreams: a refusal can say so in its status until then, and no client takes the silence for an end. */
const HEAD_MS = 2_000;

/** Serves `subscriptions/listen`: the acknowledgement first, then what changes, until the client goes or the gateway drains. */
export async function serveListen(inbound: Inbound, message: RequestMessage, client: ClientFacts): Promise<void> {
  const { id } = message;
  if (inbound.accept === 'json') return refuse(inbound, 'request.accept', { id, modern: true });
  const filter = readFilter(message);
  if (typeof filter === 'string') return refuse(inbound, 'params.invalid', { id, modern: true, message: filter });
  const leave = inbound.context.listens.take(inbound);
  if (leave === undefined) return refuse(inbound, 'request.rate', { id, modern: true });
  // It may live for days, and neither the id nor the client's description may keep the body they are slices of.
  const listen = new Listen(inbound, Buffer.from(id, 'latin1').toString('latin1') as RawId, client.revision, leave);
  await listen.open({ ...client, info: copyInfo(client.info) }, filter);
}

/** One listen request from its arrival to the end of its stream. */
class Listen {
  readonly #inbound: Inbound;
  readonly #id: RawId;
  readonly #revision: ClientFacts['revision'];
  readonly #streamId: string;
  readonly #left = new AbortController();
  readonly #leave: () => void;
  /** Changes that came before the acknowledgement wait for it. */
  #early: MissedChanges | undefined = new MissedChanges();
  /** What is to be watched, until it is known what is honoured of that. */
  #asked: readonly string[] = [];
  #stream: EventStream | undefined;
  #subscription: Subscription | undefined;
  #stopDraining: () => void = noteNothing;
  #head: Timer | undefined;

  /** @param leave gives its place back. */
  constructor(inbound: Inbound, id: RawId, revision: ClientFacts['revision'], leave: () => void) {
    this.#inbound = inbound;
    this.#id = id;
    this.#revision = revision;
    this.#leave = leave;
    this.#streamId = inbound.context.deps.random.id();
  }

  async open(client: ClientFacts, filter: SubscriptionFilter): Promise<void> {
    const { route, principal, context, res } = this.#inbound;
    const { subscriptions, clock } = context.deps;
    this.#asked = filter.uris;
    // Attack: clients that come and go while a slow upstream is being asked must not leave their subscriptions behind.
    res.once('close', this.#onClose);
    if (res.destroyed) return this.#end('client-gone');
    this.#stopDraining = context.drain.onBegin(() => this.#drain());
    if (this.#left.signal.aborted) return;
    this.#head = clock.after(Math.min(HEAD_MS, context.options.commitMs), () => this.#begin().comment());
    const subscriber = { route: route.path, principal, sessionId: undefined, stream: this.#streamId, client };
    try {
      const report = (change: Change): void => this.#report(change);
      const subscription = await subscriptions.open(subscriber, filter, report, this.#left.signal);
      if (this.#left.signal.aborted) await subscription.close(String(this.#left.signal.reason));
      else this.#acknowledge(subscription);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#head.clear();
    }
  }

  #begin(): EventStream {
    this.#stream ??= this.#openStream();
    return this.#stream;
  }

  #openStream(): EventStream {
    this.#inbound.res.off('close', this.#onClose);
    return new EventStream({
      arrival: this.#inbound,
      kind: 'listen',
      id: this.#streamId,
      owner: undefined,
      sessionId: undefined,
      isLast: true,
      onEnd: (reason) => this.#end(reason),
    });
  }

  #acknowledge(subscription: Subscription): void {
    this.#subscription = subscription;
    this.#begin().send({ data: writeAcknowledgement(this.#id, subscription.honoured) });
    const early = this.#early;
    this.#early = undefined;
    this.#asked = [];
    for (const change of early?.values() ?? []) this.#report(change);
  }

  #report(change: Change): void {
    if (this.#early !== undefined) {
      this.#early.keep(change, () => this.#asked);
      return;
    }
    const data = writeChange(change, this.#revision, this.#id);
    if (data !== undefined) this.#stream?.send({ data });
  }

  #fail(error: unknown): void {
    if (this.#left.signal.aborted) return;
    const { status, message } = writeFailure(toGatewayError(error), this.#revision, this.#id, undefined);
    if (this.#stream !== undefined) this.#stream.end('ended', { data: message });
    else {
      this.#end('failed');
      sendJson(this.#inbound, status, message);
    }
  }

  #drain(): void {
    const honoured = this.#subscription?.honoured;
    // A reload may have changed every list, and who listens again hears only of later changes.
    for (const kind of ['tools', 'prompts', 'resources'] as const)
      if (honoured?.[kind] === true) this.#report({ kind });
    if (this.#stream === undefined) {
      this.#end('drain');
      refuse(this.#inbound, 'gateway.draining', { id: this.#id, modern: true, close: true });
      return;
    }
    const result = Buffer.from(`{"resultType":"complete",${metaOf(this.#id)}}`, 'latin1');
    this.#stream.end('drain', { data: writeResult(this.#id, result) });
  }

  readonly #onClose = (): void => this.#end('client-gone');

  #end(reason: string): void {
    this.#inbound.res.off('close', this.#onClose);
    this.#leave();
    this.#head?.clear();
    this.#stopDraining();
    if (!this.#left.signal.aborted) this.#left.abort(reason);
    void this.#subscription?.close(reason);
  }
}

function noteNothing(): void {
  // A request that ended before it was served has joined no drain.
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
