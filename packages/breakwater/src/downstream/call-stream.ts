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
  readonly #log: SessionLog | undefined;
  readonly #streamId: string | undefined;
  #stream: EventStream | undefined;
  #ended = false;

  constructor(ids: readonly RawId[], log: SessionLog | undefined) {
    this.ids = ids;
    this.#log = log;
    this.#streamId = log?.openCall(this);
  }

  /** Begins to send on a connection. `primes`: the revision knows events without data, which give the client an id to resume by. */
  open(stream: EventStream, primes: boolean): void {
    this.#stream = stream;
    if (primes && this.#log !== undefined && this.#streamId !== undefined) {
      stream.send({ id: this.#log.position(this.#streamId), data: NOTHING });
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
    if (this.#ended && stream.isDelivered && this.#streamId !== undefined) this.#log?.read(this.#streamId);
  }

  /** Sends or logs a message. False when the client reads too slowly. */
  publish(data: Buffer): boolean {
    const id = this.#streamId === undefined ? undefined : this.#log?.append(this.#streamId, data);
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
    if (this.#streamId !== undefined) this.#log?.end(this.#streamId, reason === 'ended');
    this.#stream?.end(reason);
  }
}
