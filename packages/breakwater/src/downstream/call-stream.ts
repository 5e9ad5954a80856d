import type { TakenStream } from '../core/event-archive.ts';
import type { LoggedEvent } from '../core/event-log.ts';
import type { RawId } from '../jsonrpc/id.ts';
import type { EventStream } from './event-stream.ts';
import type { EndReason } from './paced-writer.ts';
import type { SessionLog } from './session-log.ts';

const NOTHING = Buffer.alloc(0);

/**
 * The event stream that answers one POST. Of a legacy session it outlives its connection: what nobody reads is logged, and a GET with
 * `Last-Event-ID` takes the stream over. Elsewhere it is as long as its connection.
 */
export class CallStream {
  /** The requests it answers. */
  readonly ids: readonly RawId[];
  /** Its id in the session's log. */
  readonly id: string | undefined;
  readonly #log: SessionLog | undefined;
  #stream: EventStream | undefined;
  #ended = false;

  /** @param taken what another node wrote down of it. */
  constructor(
    ids: readonly RawId[],
    log: SessionLog | undefined,
    taken?: { readonly id: string; readonly stream: TakenStream },
  ) {
    this.ids = ids;
    this.#log = log;
    this.id = taken === undefined ? log?.openCall(this) : log?.restoreCall(this, taken.id, taken.stream);
  }

  /** Begins to send on a connection. `primes`: the revision knows events without data, which give the client an id to resume by. */
  open(stream: EventStream, primes: boolean): void {
    this.#stream = stream;
    if (primes && this.#log !== undefined && this.id !== undefined) {
      stream.send({ id: this.#log.position(this.id), data: NOTHING });
    }
  }

  /** Sends a comment, so that the head goes out and proxies see life. */
  comment(): void {
    this.#stream?.comment();
  }

  /** Moves to another connection, which gets what it missed first. The newest connection wins. */
  takeOver(stream: EventStream, missed: readonly LoggedEvent[], primes: boolean): void {
    this.#stream?.end('replaced');
    this.open(stream, primes && missed.length === 0);
    if (missed.length === 0 && !primes) stream.comment();
    for (const event of missed) stream.send(event);
    if (this.#ended) stream.end('ended');
  }

  /** Says that a connection is gone. */
  lose(stream: EventStream): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    if (this.#ended && stream.isDelivered && this.id !== undefined) this.#log?.read(this.id);
  }

  /** Sends or logs a message. False when the client reads too slowly. */
  publish(data: Buffer): boolean {
    const id = this.id === undefined ? undefined : this.#log?.append(this.id, data);
    if (this.#stream === undefined) return true;
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
    if (this.id !== undefined) this.#log?.end(this.id, reason === 'ended');
    this.#stream?.end(reason);
  }
}
