import type { Session } from '../core/session.ts';
import type { RawId } from '../jsonrpc/id.ts';
import type { Message, NotificationMessage } from '../jsonrpc/message.ts';
import { findMember } from '../jsonrpc/raw.ts';
import { accommodates, type Context, type Inbound } from './inbound.ts';
import { accept, servesSessionless } from './legacy-caller.ts';
import { refuse } from './refusal.ts';
import type { SessionState } from './session-state.ts';
import type { StreamableSession } from './streamable-session.ts';

/** Takes a POSTed notification or response of a legacy client. */
export async function receiveMessage(
  inbound: Inbound,
  message: Exclude<Message, { kind: 'request' }>,
  streamable: StreamableSession | undefined,
): Promise<void> {
  const sessionId = streamable?.session.id;
  if (message.kind !== 'notification') {
    // A response that answers no open question of this session is late, doubled, or another session's. Never matched, never an error.
    streamable?.state.questions.take(message);
  } else {
    const isInitialized = message.method === 'notifications/initialized';
    if (streamable === undefined) {
      const served = isInitialized ? accommodates(inbound, 'initialized-sessionless') : servesSessionless(inbound);
      if (!served) {
        refuse(inbound, 'session.missing');
        return;
      }
    } else if (isInitialized && streamable.session.confirmed && !accommodates(inbound, 'initialized-doubled')) {
      refuse(inbound, 'body.invalid', { message: 'This session is already initialized.', sessionId });
      return;
    } else await applyNotification(inbound.context, streamable, message);
  }
  accept(inbound, sessionId);
}

/** What a notification does to its session. Unknown ones do nothing. The promise, where there is one, is for who answers it: the fleet knows then. */
export function applyNotification(
  { deps }: Context,
  of: { readonly session: Session; readonly state: SessionState },
  message: NotificationMessage,
): Promise<void> | undefined {
  const { session } = of;
  if (message.method === 'notifications/initialized') {
    session.confirmed = true;
    session.initialized = true;
    return deps.sessions.settle(session);
  }
  if (message.method !== 'notifications/cancelled' || message.params === undefined) return undefined;
  const member = findMember(message.params, 'requestId');
  if (member === undefined) return undefined;
  const id = message.params.bytes.toString('latin1', member.start, member.end) as RawId;
  // Not before: reading the state makes it, and most sessions never need one.
  if (!of.state.cancel(id) && session.isShared) deps.sessions.vault?.cancel(session, id);
  return undefined;
}
