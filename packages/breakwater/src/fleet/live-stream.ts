import { Duplex } from 'node:stream';
import type { Clock } from '../core/ports.ts';
import { Heartbeat } from './heartbeat.ts';

/** Which side of a connection between two nodes this is: the one that asked for it, or the one that works for it. */
type LiveSide = 'asking' | 'working';

const SIZE_BYTES = 4;
const BEAT = Buffer.alloc(SIZE_BYTES);
/**
 * Beats of silence that end it, one a second. Whoever works gives up before whoever asked (4 to 5 s against 7 to 8 s, counted from beats that may have
 * left a second apart): when a client is told that its call is lost, the call is over where it ran, and cannot take what belongs to the next one.
 */
const MISSES = { working: 4, asking: 7 } as const;

/**
 * A connection between two nodes that says at each moment whether the other side still hears it: beats go between the bytes, whatever these are, and
 * silence ends it at both sides. That a node answers on another connection proves nothing about this one: a network that was cut may have forgotten
 * it. Wire: `(size:u32 bytes)*`; size 0 is a beat.
 */
export class LiveStream extends Duplex {
  readonly #stream: Duplex;
  readonly #heartbeat: Heartbeat;
  #sizeBytes = Buffer.alloc(0);
  /** What is missing of the piece that is being read. */
  #left = 0;

  /** @param stream is its own from now on. */
  constructor(stream: Duplex, clock: Clock, side: LiveSide) {
    super({ allowHalfOpen: false });
    this.#stream = stream;
    this.#heartbeat = new Heartbeat(clock, MISSES[side], {
      beat: () => this.#beat(),
      onSilent: () => this.destroy(new Error('silent')),
    });
    // Whoever uses it hears the 'close' that follows.
    this.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('end', () => this.push(null));
    stream.on('error', (error) => this.destroy(error));
    stream.on('close', () => this.#onClosed());
  }

  /** For users who take it for a socket: it beats by itself. */
  setKeepAlive(): this {
    return this;
  }

  /** Likewise: the socket below is held by whoever made it. */
  ref(): this {
    return this;
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this._writev([{ chunk }], done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const size = Buffer.allocUnsafe(SIZE_BYTES);
    size.writeUInt32BE(chunks.reduce((sum, { chunk }) => sum + chunk.length, 0));
    this.#stream.cork();
    this.#stream.write(size);
    for (const [at, { chunk }] of chunks.entries())
      this.#stream.write(chunk, at === chunks.length - 1 ? done : undefined);
    this.#stream.uncork();
  }

  override _final(done: () => void): void {
    this.#stream.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#heartbeat.stop();
    this.#stream.destroy();
    done(error);
  }

  #beat(): void {
    // Held back by our own reader: the other side's beats wait behind what it cannot take.
    if (this.#stream.isPaused()) this.#heartbeat.heard();
    // What waits to leave tells as much as a beat, once it leaves.
    if (this.#stream.writableLength === 0 && this.#stream.writable) this.#stream.write(BEAT);
  }

  #receive(chunk: Buffer): void {
    this.#heartbeat.heard();
    let at = 0;
    let isWanted = true;
    while (at < chunk.length) {
      if (this.#left === 0) {
        const taken = chunk.subarray(at, at + SIZE_BYTES - this.#sizeBytes.length);
        at += taken.length;
        this.#sizeBytes = Buffer.concat([this.#sizeBytes, taken]);
        if (this.#sizeBytes.length < SIZE_BYTES) break;
        this.#left = this.#sizeBytes.readUInt32BE();
        this.#sizeBytes = this.#sizeBytes.subarray(SIZE_BYTES);
      } else {
        const piece = chunk.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        isWanted = this.push(piece);
      }
    }
    if (!isWanted) this.#stream.pause();
  }

  #onClosed(): void {
    // What has arrived is read first.
    if (this.readableEnded || this.readableLength === 0) this.destroy();
    else this.once('end', () => this.destroy());
  }
}
