import type { TakenStream } from '../core/event-archive.ts';
import type { LoggedEvent } from '../core/event-log.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { sseTextOf } from '../wire/sse-writer.ts';
import type { EventStream } from './event-stream.ts';
import type { EndReason } from './paced-writer.ts';
import type { SessionLog, SessionLogStream } from './session-log.ts';

/** Larger events are not made text of. */
const TEXT_BYTES = 4_096;

/**
 * The event stream that answers one POST. Of a legacy session it outlives its connection: what nobody reads is logged, and a GET with
 * `Last-Event-ID` takes the stream over. Elsewhere it is as long as its connection.
 */
export class CallStream {
  /** The requests it answers. */
  readonly ids: readonly RawId[];
  readonly #log: SessionLog | undefined;
  /** What it is in the session's log. */
  readonly #logged: SessionLogStream | undefined;
  #stream: EventStream | undefined;
  /** What waits for its first connection, in latin1. */
  #held: string | undefined;
  #ended = false;

  /** @param taken what another node wrote down of it. */
  constructor(
    ids: readonly RawId[],
    log: SessionLog | undefined,
    taken?: { readonly id: string; readonly stream: TakenStream },
  ) {
    this.ids = ids;
    this.#log = log;
    this.#logged = taken === undefined ? log?.openCall(this) : log?.restoreCall(this, taken.id, taken.stream);
  }

  /** Its id in the session's log. */
  get id(): string | undefined {
    return this.#logged?.id;
  }

  /** Keeps what is published until it is taken, or there is a connection. `primes`: the revision knows events without data, which give the client an id to resume by. */
  hold(primes: boolean): void {
    const log = this.#log;
    const isPrimed = primes && log !== undefined && this.#logged !== undefined;
    this.#held = isPrimed ? sseTextOf('', log.position(this.#logged)) : '';
  }

  /** How many bytes are held; undefined where nothing is held any more. */
  get heldBytes(): number | undefined {
    return this.#held?.length;
  }

  /** Gives away what is held, in latin1, and holds no more. */
  take(): string {
    const held = this.#held ?? '';
    this.#held = undefined;
    return held;
  }

  /** Begins to send on a connection, with what was held. */
  open(stream: EventStream): void {
    this.#stream = stream;
    const held = this.take();
    if (held !== '') stream.sendText(held);
  }

  /** Sends a comment, so that the head goes out and proxies see life. */
  comment(): void {
    this.#stream?.comment();
  }

  /** Moves to another connection, which gets what it missed first. The newest connection wins. */
  takeOver(stream: EventStream, missed: readonly LoggedEvent[], primes: boolean): void {
    this.#stream?.end('replaced');
    this.hold(primes && missed.length === 0);
    this.open(stream);
    if (missed.length === 0 && !primes) stream.comment();
    for (const event of missed) stream.send(event);
    if (this.#ended) stream.end('ended');
  }

  /** Says that a connection is gone. */
  lose(stream: EventStream): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    if (this.#ended && stream.isDelivered && this.#logged !== undefined) this.#log?.read(this.#logged);
  }

  /** Sends or logs a message, which as text is in latin1. False when the client reads too slowly. */
  publish(message: Buffer | string): boolean {
    const data =
      typeof message === 'string'
        ? joined(message)
        : message.length > TEXT_BYTES
          ? message
          : message.toString('latin1');
    const id = this.#logged === undefined ? undefined : this.#log?.append(this.#logged, data);
    if (this.#held !== undefined) {
      this.#held += sseTextOf(typeof data === 'string' ? data : data.toString('latin1'), id);
      return true;
    }
    if (this.#stream === undefined) return true;
    if (typeof data === 'string') return this.#stream.sendText(sseTextOf(data, id));
    return this.#stream.send(id === undefined ? { data } : { id, data });
  }

  /** Calls `run` once the client has caught up, or is gone. */
  onceDrained(run: () => void): void {
    if (this.#stream === undefined) run();
    else this.#stream.onceDrained(run);
  }

  /** Says that everything was sent. */
  end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#logged !== undefined) this.#log?.end(this.#logged, reason === 'ended');
    this.#stream?.end(reason);
  }
}

// What is joined of slices keeps everything they were cut from, and the log would, too. V8 makes one text of it, in place, when it is searched.
function joined(text: string): string {
  text.includes('\n');
  return text;
}
