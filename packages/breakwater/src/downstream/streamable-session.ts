import { EventLog } from '../core/event-log.ts';
import type { Session } from '../core/session.ts';
import type { CallStream, SessionLog } from './call-stream.ts';
import type { Context } from './inbound.ts';
import { SessionState } from './session-state.ts';
import { SessionStream } from './session-stream.ts';

/** What a session keeps on this side; each part is made when it is first needed, because most sessions need none. */
interface Parts {
  state?: SessionState;
  log?: SessionLog;
  stream?: SessionStream;
}

const PARTS = new WeakMap<Session, Parts>();

/** A legacy session of the Streamable HTTP transport as one request sees it. */
export class StreamableSession {
  readonly session: Session;
  readonly #context: Context;

  constructor(context: Context, session: Session) {
    this.#context = context;
    this.session = session;
  }

  /** What runs and what is asked in the session. */
  get state(): SessionState {
    const parts = this.#parts();
    parts.state ??= new SessionState(this.session, this.#context.deps.sessions, {
      onChange: (change) => this.stream.report(change),
      requestAside: (message) => parts.stream?.request(message) === true,
      onceReadable: (run) => this.stream.onceOpen(run),
    });
    return parts.state;
  }

  /** What its streams sent, for clients that resume. */
  get log(): SessionLog {
    const parts = this.#parts();
    parts.log ??= this.#openLog();
    return parts.log;
  }

  /** Its GET stream. */
  get stream(): SessionStream {
    const parts = this.#parts();
    parts.stream ??= new SessionStream(this.#context, this.state, () => this.log);
    return parts.stream;
  }

  #parts(): Parts {
    let parts = PARTS.get(this.session);
    if (parts === undefined) {
      parts = {};
      PARTS.set(this.session, parts);
    }
    return parts;
  }

  #openLog(): SessionLog {
    const { options, deps } = this.#context;
    const limits = {
      events: options.limits.eventLogEvents,
      bytes: options.limits.eventLogBytes,
      retainMs: options.resumeMs,
    };
    const log: SessionLog = new EventLog<CallStream | undefined>({ limits, clock: deps.clock, random: deps.random });
    this.session.owner.defer(() => {
      // What still runs ends first: it would go on writing to a log that is no more.
      this.#parts().state?.abort();
      log.close();
    });
    return log;
  }
}
