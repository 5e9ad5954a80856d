import { GatewayError } from '../core/errors.ts';
import type { Timer } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import type { Change } from '../core/subscription.ts';
import type { Message, RequestMessage } from '../jsonrpc/message.ts';
import type { Parsed } from '../jsonrpc/parse.ts';
import { encodeError, writeError } from '../jsonrpc/write.ts';
import { readInitialize } from '../protocol/legacy/initialize.ts';
import type { Answer } from './answer.ts';
import { writeChange } from './change-notification.ts';
import { EventStream } from './event-stream.ts';
import { baseUrlOf, type Context, type Inbound } from './inbound.ts';
import { strangerOf } from './legacy-caller.ts';
import { openSession } from './legacy-initialize.ts';
import { applyNotification } from './legacy-notification.ts';
import { admitLegacy, failure, type LegacyCaller, serveLegacy } from './legacy-request.ts';
import type { RouteOptions } from './options.ts';
import { MESSAGES_PATH } from './paths.ts';
import { SessionState } from './session-state.ts';

// Long enough for a person who starts a client by hand, short enough for probes that leave their stream open.
const PENDING_MS = 300_000;

/** Who looks after the channels hears of this. */
interface ChannelEvents {
  readonly onInitialized: () => void;
  readonly onEnd: () => void;
}

/** One stream of the 2024 transport with the session that was initialized over it. The session ends with the stream. */
export class SseChannel {
  #context: Context;
  #stopDraining: () => void = noteNothing;
  readonly #inbound: Inbound;
  readonly #stream: EventStream;
  readonly #pending: Timer;
  readonly #events: ChannelEvents;
  #state: SessionState | undefined;
  #opening = false;

  constructor(inbound: Inbound, query: string, events: ChannelEvents) {
    const { context, route } = inbound;
    const { deps, options } = context;
    this.#inbound = inbound;
    this.#events = events;
    this.#context = context;
    this.#stream = new EventStream({
      arrival: inbound,
      kind: 'sse-2024',
      owner: undefined,
      sessionId: undefined,
      isLast: true,
      onEnd: () => {
        events.onEnd();
        this.#stopDraining();
        this.#pending.clear();
        const session = this.#state?.session;
        if (session !== undefined) void deps.sessions.end(session.id, 'stream-closed');
      },
    });
    this.#stream.send({ event: 'endpoint', data: Buffer.from(`${prefixOf(inbound)}${MESSAGES_PATH}?${query}`) });
    const pendingMs = route.handshake === 'strict' ? options.handshakeMs : PENDING_MS;
    this.#pending = deps.clock.after(pendingMs, () => {
      if (this.#state === undefined) this.#stream.end('ended');
    });
    this.#stopDraining = this.#joinDrain();
  }

  /** The route it was opened on, as it is configured now. */
  get route(): RouteOptions {
    const { path } = this.#inbound.route;
    return this.#context.options.routes.find((route) => route.path === path) ?? this.#inbound.route;
  }

  /** Goes on under another configuration: it ends with that one, and hears of changes from it. */
  adopt(context: Context): void {
    this.#stopDraining();
    this.#context = context;
    this.#stopDraining = this.#joinDrain();
    const state = this.#state;
    if (state === undefined) return;
    void state.subscription.open(context);
    for (const kind of ['tools', 'prompts', 'resources'] as const) this.#report(state.session, { kind });
  }

  #joinDrain(): () => void {
    return this.#context.drain.onBegin(() => {
      const end = (): void => this.#stream.end('drain');
      if (this.#state === undefined) end();
      else this.#state.whenIdle(end);
    });
  }

  #report(session: Session, change: Change): void {
    const data = writeChange(change, session.client.revision);
    if (data !== undefined) this.send(data);
  }

  /** True while what is answered reaches the client. */
  get isOpen(): boolean {
    return this.#stream.open;
  }

  /** Whether this caller may post here: it opened the stream, and its session lives. */
  async admits({ principal, context }: Inbound): Promise<boolean> {
    if (!this.#stream.open || principal.key !== this.#inbound.principal.key) return false;
    if (this.#state === undefined) return true;
    const { id, route, transport } = this.#state.session;
    return (await context.deps.sessions.find({ id, route, transport, principal })) !== undefined;
  }

  /** Serves one posted message; whatever it answers goes to the stream. */
  async receive(inbound: Inbound, parsed: Parsed<Message>): Promise<void> {
    if (!parsed.ok) {
      const { id, code, message } = parsed.fault;
      this.send(writeError(id, encodeError({ code, message })));
      return;
    }
    const message = parsed.value;
    if (message.kind === 'notification') this.#notify(message);
    else if (message.kind === 'result' || message.kind === 'error') this.#state?.questions.take(message);
    else if (message.kind === 'request' && message.method === 'initialize') await this.#initialize(inbound, message);
    else if (message.kind === 'request') this.#serve(inbound, message);
  }

  /** Writes a message to the stream. False when the client reads too slowly. */
  send(data: Buffer): boolean {
    return this.#stream.send({ event: 'message', data });
  }

  /** Calls `run` once the client has caught up, or is gone. */
  onceDrained(run: () => void): void {
    this.#stream.onceDrained(run);
  }

  #notify(message: Extract<Message, { kind: 'notification' }>): void {
    if (this.#state === undefined) return;
    void applyNotification(this.#context, { session: this.#state.session, state: this.#state }, message);
    if (message.method === 'notifications/initialized') void this.#state.subscription.open(this.#context);
  }

  async #initialize(inbound: Inbound, message: RequestMessage): Promise<void> {
    const caller = this.#callerOf(inbound);
    const wish = readInitialize(message.params);
    if (!wish.ok)
      return this.#fail(caller, message, new GatewayError('params.invalid', { message: wish.fault.message }));
    if (this.#state !== undefined || this.#opening) {
      return this.#fail(caller, message, new GatewayError('body.invalid', { message: 'Already initialized.' }));
    }
    this.#opening = true;
    const opened = await openSession(inbound, 'sse', message, wish.value, this.#stream.id);
    this.#opening = false;
    if (!opened.ok) return this.#fail(caller, message, opened.error);
    const { session, response } = opened;
    this.#events.onInitialized();
    this.#state = new SessionState(session, inbound.context.deps.sessions, {
      onChange: (change) => this.#report(session, change),
      requestAside: (message) => {
        if (!this.#stream.open) return false;
        this.send(message);
        return true;
      },
      // This transport has one stream for everything, and the session ends with it.
      onceReadable: () => noteNothing,
    });
    session.owner.defer(() => this.#stream.end('session-ended'));
    if (this.#stream.open) this.send(response);
    else await inbound.context.deps.sessions.end(session.id, 'client-gone');
  }

  #serve(inbound: Inbound, message: RequestMessage): void {
    const caller = this.#callerOf(inbound);
    if (caller.state === undefined && message.method !== 'ping') {
      this.#fail(caller, message, new GatewayError('session.handshake', { message: 'Send initialize first.' }));
      return;
    }
    const refusal = admitLegacy(caller, message);
    if (refusal !== undefined) {
      this.#fail(caller, message, refusal);
      return;
    }
    const answer = new ChannelAnswer(this, inbound);
    serveLegacy(caller, message, answer, () => answer.close());
  }

  #callerOf(inbound: Inbound): LegacyCaller {
    return { inbound, client: this.#state?.session.client ?? strangerOf('2024-11-05'), state: this.#state };
  }

  #fail(caller: LegacyCaller, message: RequestMessage, error: GatewayError): void {
    this.send(failure(caller, message, error, undefined).message);
  }
}

/** One response owed on a channel. */
class ChannelAnswer implements Answer {
  readonly #channel: SseChannel;
  readonly #inbound: Inbound;
  #over = false;

  constructor(channel: SseChannel, inbound: Inbound) {
    this.#channel = channel;
    this.#inbound = inbound;
    inbound.context.drain.enter();
  }

  notify(message: Buffer): boolean {
    return this.#over || this.#channel.send(message);
  }

  request(message: Buffer): boolean {
    if (this.#over) return false;
    this.#channel.send(message);
    return true;
  }

  respond(message: Buffer): void {
    if (this.#over) return;
    this.#channel.send(message);
    this.close();
  }

  withdraw(): void {
    this.close();
  }

  onceDrained(run: () => void): void {
    this.#channel.onceDrained(run);
  }

  /** Says that nothing more will come. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#inbound.context.drain.leave();
  }
}

// A public URL with a path means that a proxy strips it; the client must send it all the same.
function prefixOf(inbound: Inbound): string {
  return inbound.context.options.publicUrl === undefined ? '' : new URL(baseUrlOf(inbound)).pathname.replace(/\/$/, '');
}

function noteNothing(): void {
  // A stream that ended while it was being opened has joined no drain.
}
