import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { type RecordedExchange, writeRecordLine } from './record.ts';

/** What came of a line. */
export type Written = 'written' | 'full' | 'failed';

/** The file of a recording: one, of bounded size, that only its owner reads. */
export class RecordingFile {
  readonly #fd: number;
  readonly #mostBytes: number;
  #bytes = 0;
  #count = 0;
  #isFull = false;
  failure: string | undefined;

  /** Opens it; throws when it exists (without `force`) or is no ordinary file. */
  constructor(path: string, mostBytes: number, force: boolean) {
    // O_NOFOLLOW: a link in a shared folder would make us write into somebody else's file.
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_TRUNC } = constants;
    const flags = O_WRONLY | O_CREAT | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0);
    this.#fd = openSync(path, force ? flags : flags | O_EXCL, 0o600);
    this.#mostBytes = mostBytes;
    if (!fstatSync(this.#fd).isFile()) {
      closeSync(this.#fd);
      throw new Error('is no ordinary file');
    }
    if (force) {
      closeSync(this.#fd);
      this.#fd = openSync(path, O_WRONLY | O_TRUNC | (O_NOFOLLOW ?? 0));
    }
  }

  get count(): number {
    return this.#count;
  }

  /** Appends a record as a whole line, or nothing of it. Synchronous: what was said to be written is, whatever ends the process. */
  append(record: RecordedExchange): Written {
    const line = Buffer.from(writeRecordLine(record));
    if (this.failure !== undefined) return 'failed';
    if (this.#isFull || this.#bytes + line.length > this.#mostBytes) {
      // Nothing after the first that did not fit: a recording with holes replays wrongly.
      this.#isFull = true;
      return 'full';
    }
    try {
      for (let at = 0; at < line.length; ) at += writeSync(this.#fd, line, at);
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
      return 'failed';
    }
    this.#bytes += line.length;
    this.#count += 1;
    return 'written';
  }

  close(): void {
    closeSync(this.#fd);
  }
}
