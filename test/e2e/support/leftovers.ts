import type { GatewayEvent } from '../../../packages/breakwater/src/index.ts';

type Opened = Extract<GatewayEvent, { type: 'open' }>;

/** What was opened and not closed, by what the gateway reported. */
function findOpen(events: readonly GatewayEvent[]): Opened[] {
  const open = new Map<string, Opened>();
  for (const event of events) {
    if (event.type === 'open') open.set(`${event.resource} ${event.id}`, event);
    if (event.type === 'close') open.delete(`${event.resource} ${event.id}`);
  }
  return [...open.values()];
}

/** The sessions that are open. */
export function findSessions(events: readonly GatewayEvent[]): string[] {
  return findOpen(events).flatMap(({ resource, id }) => (resource === 'session' ? [id] : []));
}

/**
 * What clients left open, as `kind id`: streams, subscriptions and sessions, except these sessions and what belongs to them. Connections
 * to servers are not the clients' but the gateway's, to be used again.
 */
export function findLeftovers(events: readonly GatewayEvent[], abandoned: ReadonlySet<string>): string[] {
  return findOpen(events)
    .filter(({ resource }) => resource !== 'handle')
    .filter(
      ({ resource, id, owner }) =>
        !abandoned.has(resource === 'session' ? id : resource === 'subscription' ? (owner ?? '') : ''),
    )
    .map(({ resource, id }) => `${resource} ${id}`);
}

/** True once everybody who came with these events is told of changes: each session, or else whoever listens without one. */
export function isListening(events: readonly GatewayEvent[]): boolean {
  const open = findOpen(events);
  const owners = open.flatMap(({ resource, owner }) => (resource === 'subscription' ? [owner] : []));
  const sessions = open.flatMap(({ resource, id }) => (resource === 'session' ? [id] : []));
  return owners.length > 0 && sessions.every((id) => owners.includes(id));
}
