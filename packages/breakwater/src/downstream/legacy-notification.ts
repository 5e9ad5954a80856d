import type { Session } from '../core/session.ts';
import type { RawId } from '../jsonrpc/id.ts';
import type { Message, NotificationMessage } from '../jsonrpc/message.ts';
import { findMember } from '../jsonrpc/raw.ts';
import { accommodates, type Inbound } from './inbound.ts';
import { accept, servesSessionless } from './legacy-caller.ts';
import { refuse } from './refusal.ts';
import type { SessionState } from './session-state.ts';
import type { StreamableSession } from './streamable-session.ts';

/** Takes a POSTed notification or response of a legacy client. */
export function receiveMessage(
  inbound: Inbound,
  message: Exclude<Message, { kind: 'request' }>,
  streamable: StreamableSession | undefined,
): void {
  const sessionId = streamable?.session.id;
  // A response that answers no open question of this session is late, doubled, or another session's. Never matched, never an error.
  if (message.kind !== 'notification') streamable?.state.questions.take(message);
  else {
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
    } else applyNotification(streamable, message);
  }
  accept(inbound, sessionId);
}

/** What a notification does to its session. Unknown ones do nothing. */
export function applyNotification(
  to: { readonly session: Session; readonly state: SessionState },
  message: NotificationMessage,
): void {
  const { session } = to;
  if (message.method === 'notifications/initialized') {
    session.confirmed = true;
    session.initialized = true;
  } else if (message.method === 'notifications/cancelled' && message.params !== undefined) {
    const member = findMember(message.params, 'requestId');
    if (member !== undefined)
      to.state.cancel(message.params.bytes.toString('latin1', member.start, member.end) as RawId);
  }
}
