import type { Duplex } from 'node:stream';
import type { Clock } from '../core/ports.ts';
import { encodeFrame, type Frame, FrameReader, type FrameToWrite } from './frames.ts';

/** A live stream between two nodes, which ends when the other side is silent; `head` is what has arrived of it already. */
export interface PeerStream {
  readonly stream: Duplex;
  readonly head: Buffer;
}

/** How long what was written last may take to leave. */
const FLUSH_MS = 10_000;

/** What hears of a link. */
export interface LinkListener {
  onFrame(frame: Frame): void;
  /** What was written lately has left this process. */
  onDrain(): void;
  /** Called once; nothing after it. */
  onEnd(reason: string): void;
}

/** One stream of frames between two nodes. A broken or closed stream ends it. */
export class FrameLink {
  readonly #stream: Duplex;
  readonly #listener: LinkListener;
  readonly #reader = new FrameReader();
  readonly #clock: Clock;
  #isCorked = false;
  #isOver = false;

  /** @param head what has arrived of the stream already. */
  constructor({ stream, head }: PeerStream, clock: Clock, listener: LinkListener) {
    this.#stream = stream;
    this.#clock = clock;
    this.#listener = listener;
    if (head.length > 0) stream.unshift(head);
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('drain', () => this.#listener.onDrain());
    stream.on('error', (error) => this.end(error.message));
    stream.on('end', () => this.end('closed'));
    stream.on('close', () => this.end('closed'));
  }

  /** Bytes that wait in this process. */
  get waitingBytes(): number {
    return this.#stream.writableLength;
  }

  /** Writes a frame; false when more should be held back until the link has drained. */
  send(frame: FrameToWrite): boolean {
    if (this.#isOver) return true;
    this.#cork();
    let isReady = true;
    for (const bytes of encodeFrame(frame)) isReady = this.#stream.write(bytes);
    return isReady;
  }

  /** Ends the link at once, or, with `flush`, when what was written has left. */
  end(reason: string, options: { readonly flush?: boolean } = {}): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#uncork();
    if (options.flush === true) {
      this.#stream.end(() => this.#stream.destroy());
      this.#clock.after(FLUSH_MS, () => this.#stream.destroy());
    } else this.#stream.destroy();
    this.#listener.onEnd(reason);
  }

  // What is said at one moment travels together: that a call has failed, and that its handle has ended, should be heard as one.
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#stream.cork();
    process.nextTick(() => this.#uncork());
  }

  #uncork(): void {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#stream.uncork();
  }

  #receive(chunk: Buffer): void {
    if (this.#isOver) return;
    const frames = this.#reader.push(chunk);
    if (frames === undefined) {
      this.end('not a frame');
      return;
    }
    for (const frame of frames) {
      if (this.#isOver) return;
      this.#listener.onFrame(frame);
    }
  }
}
