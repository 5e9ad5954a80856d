import { EventLog } from '../core/event-log.ts';
import type { Session } from '../core/session.ts';
import type { CallStream, SessionLog } from './call-stream.ts';
import type { Context } from './inbound.ts';
import { SessionState } from './session-state.ts';
import { SessionStream } from './session-stream.ts';

/** A legacy session of the Streamable HTTP transport with what it keeps on this side. */
export interface StreamableSession {
  readonly session: Session;
  readonly state: SessionState;
  readonly log: SessionLog;
  readonly stream: SessionStream;
}

const SESSIONS = new WeakMap<Session, StreamableSession>();

/** The streamable session around `session`, made when it is asked for first. */
export function streamableOf(context: Context, session: Session): StreamableSession {
  const known = SESSIONS.get(session);
  if (known !== undefined) return known;
  const { options, deps } = context;
  const limits = {
    events: options.limits.eventLogEvents,
    bytes: options.limits.eventLogBytes,
    retainMs: options.resumeMs,
  };
  const log: SessionLog = new EventLog<CallStream | undefined>({ limits, clock: deps.clock, random: deps.random });
  session.owner.defer(() => log.close());
  const state = new SessionState(session, (change) => made.stream.report(change));
  const made: StreamableSession = { session, state, log, stream: new SessionStream(context, state, log) };
  state.requestAside = (message) => made.stream.request(message);
  SESSIONS.set(session, made);
  return made;
}
