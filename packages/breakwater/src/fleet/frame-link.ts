import type { Duplex } from 'node:stream';
import type { Clock } from '../core/ports.ts';
import { encodeFrame, type Frame, FrameReader, FrameType, type FrameToWrite } from './frames.ts';
import { Heartbeat } from './heartbeat.ts';

/** What hears of a link. */
export interface LinkListener {
  onFrame(frame: Frame): void;
  /** What was written lately has left this process. */
  onDrain(): void;
  /** Called once; nothing after it. */
  onEnd(reason: string): void;
}

/** One stream of frames between two nodes. A silent, broken or closed stream ends it. */
export class FrameLink {
  readonly #stream: Duplex;
  readonly #listener: LinkListener;
  readonly #reader = new FrameReader();
  readonly #heartbeat: Heartbeat;
  #isOver = false;

  constructor(stream: Duplex, head: Buffer, clock: Clock, listener: LinkListener) {
    this.#stream = stream;
    this.#listener = listener;
    this.#heartbeat = new Heartbeat(
      clock,
      () => this.send({ type: FrameType.beat }),
      () => this.end('silent'),
    );
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('drain', () => this.#listener.onDrain());
    stream.on('error', (error) => this.end(error.message));
    stream.on('end', () => this.end('closed'));
    stream.on('close', () => this.end('closed'));
    // The listener is not ready within its own construction.
    if (head.length > 0) queueMicrotask(() => this.#receive(head));
  }

  /** Bytes that wait in this process. */
  get waitingBytes(): number {
    return this.#stream.writableLength;
  }

  /** Writes a frame; false when more should be held back until the link has drained. */
  send(frame: FrameToWrite): boolean {
    if (this.#isOver) return true;
    this.#stream.cork();
    let isReady = true;
    for (const bytes of encodeFrame(frame)) isReady = this.#stream.write(bytes);
    this.#stream.uncork();
    return isReady;
  }

  /** Ends the link at once, or, with `flush`, when what was written has left. */
  end(reason: string, options: { readonly flush?: boolean } = {}): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#heartbeat.stop();
    if (options.flush === true) {
      // Bounded by the other side, which closes, and by its silence.
      this.#stream.end(() => this.#stream.destroy());
    } else this.#stream.destroy();
    this.#listener.onEnd(reason);
  }

  #receive(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#heartbeat.heard();
    const frames = this.#reader.push(chunk);
    if (frames === undefined) {
      this.end('not a frame');
      return;
    }
    for (const frame of frames) {
      if (this.#isOver) return;
      if (frame.type !== FrameType.beat) this.#listener.onFrame(frame);
    }
  }
}
