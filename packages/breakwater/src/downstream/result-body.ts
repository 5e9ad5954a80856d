import type { ServerResponse } from 'node:http';
import type { Clock } from '../core/ports.ts';
import type { Backlog } from './backlog.ts';
import { type Pace, PacedWriter } from './paced-writer.ts';

/** What a {@link ResultBody} works with. */
export interface ResultBodyDeps {
  readonly pace: Pace;
  readonly clock: Clock;
  readonly backlog: Backlog;
}

/**
 * How long a slow client may keep the server of a result waiting, all in all. Then the rest is taken off the server's hands and waits here, like a result that
 * came whole: attack: clients that read slowly would hold connections of a server that others need.
 */
const MOST_WAIT_MS = 5_000;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

/** The JSON body of a successful response, written while its result still comes in, at the pace of its reader. */
export class ResultBody {
  readonly #writer: PacedWriter;
  readonly #clock: Clock;
  readonly #res: ServerResponse;
  /** What is still to come of the announced bytes; undefined where none were announced. */
  #left: number | undefined;
  #head: Buffer | undefined;
  #waitedMs = 0;

  /** @param bytes of the result and the closing brace, and whatever white space goes between; announced in the head of the response. */
  constructor(res: ServerResponse, head: Buffer, bytes: number | undefined, { pace, clock, backlog }: ResultBodyDeps) {
    // The pile is bounded by the size of the one message that it is.
    const { writeMs } = pace;
    this.#writer = new PacedWriter(
      res,
      { writeMs, streamBytes: Number.POSITIVE_INFINITY },
      { clock, backlog },
      noteNothing,
    );
    this.#clock = clock;
    this.#res = res;
    this.#head = head;
    this.#left = bytes;
  }

  /** Writes the next bytes of the result. False when the client reads too slowly and the server should wait. */
  write(bytes: Buffer): boolean {
    if (this.#left !== undefined) this.#left -= bytes.length;
    if (this.#left !== undefined && this.#left <= 0) return this.#cut();
    const head = this.#head;
    this.#head = undefined;
    return this.#writer.write(bytes, head) || this.#waitedMs >= MOST_WAIT_MS;
  }

  /** Writes the last bytes of the result and closes the response. */
  end(last: Buffer): void {
    const room = this.#left ?? last.length + 1;
    if (room <= last.length) {
      this.#cut();
      return;
    }
    // White space stands for what the server wrote behind its result.
    const bytes = Buffer.alloc(room, SPACE);
    bytes.set(last);
    bytes[room - 1] = CLOSE_BRACE;
    if (this.#head !== undefined) this.#writer.write(this.#head);
    this.#writer.end('ended', bytes);
  }

  // More than was announced would be read as the next answer, and all of it without its last brace as the whole.
  #cut(): true {
    this.#res.destroy();
    return true;
  }

  /** Calls `run` once when the client has caught up, or has kept its server waiting for long enough. */
  onceDrained(run: () => void): void {
    const since = this.#clock.now();
    let isOver = false;
    const goOn = (): void => {
      if (isOver) return;
      isOver = true;
      timer.clear();
      this.#waitedMs += this.#clock.now() - since;
      run();
    };
    const timer = this.#clock.after(Math.max(0, MOST_WAIT_MS - this.#waitedMs), goOn);
    this.#writer.onceDrained(goOn);
  }
}

function noteNothing(): void {
  // A large body has no ledger entry: its socket closes with it.
}
