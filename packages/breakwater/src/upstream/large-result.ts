import type { RawId } from '../jsonrpc/id.ts';
import { closesResult, type OpenResult, openResult } from '../jsonrpc/open-result.ts';
import { CHECKED_BYTES } from '../jsonrpc/plain-answer.ts';
import { ValueEnd } from '../jsonrpc/value-end.ts';
import { createByteBuffer } from '../wire/byte-buffer.ts';

/** Where a result goes that is passed on while it still comes in. */
export interface ResultWay {
  write(bytes: Buffer): void;
  /** The last bytes of the result, once the whole response is known to be sound. */
  end(last: Buffer): void;
}

/** A response whose result is passed on as it comes. Its last bytes wait for what stands behind the result: only that says what the message was. */
export class LargeResult {
  /** Bytes of the result that were there before it began to be passed on. */
  readonly received: number;
  readonly #head: Buffer;
  readonly #opened: OpenResult;
  readonly #value: ValueEnd;
  readonly #tail = createByteBuffer();
  #first: readonly Buffer[];
  #way: ResultWay | undefined;
  #last: Buffer | undefined;

  private constructor(head: Buffer, opened: OpenResult, value: ValueEnd, first: readonly Buffer[]) {
    this.#head = head;
    this.#opened = opened;
    this.#value = value;
    this.#first = first;
    this.received = sizeOf(first);
  }

  /** Looks at the first bytes of a response; undefined when it has to be read whole: it is unusual, or its result small enough to be checked. */
  static open(bytes: Buffer, more: readonly Buffer[]): LargeResult | undefined {
    const opened = openResult(bytes);
    if (opened === undefined) return undefined;
    const pieces = [bytes.subarray(opened.start), ...more];
    const value = new ValueEnd();
    const isOpen = pieces.every((piece) => value.push(piece) === 'open');
    if (!isOpen || sizeOf(pieces) <= CHECKED_BYTES) return undefined;
    return new LargeResult(bytes.subarray(0, opened.start), opened, value, pieces);
  }

  /** The id that the response names. */
  get id(): RawId {
    return this.#opened.id;
  }

  /** Passes on what is there, and from then on what comes. */
  begin(way: ResultWay): void {
    this.#way = way;
    const first = this.#first;
    this.#first = [];
    for (const piece of first) way.write(piece);
  }

  /** Takes the next bytes. False when they cannot be JSON. */
  push(bytes: Buffer): boolean {
    if (this.#last !== undefined) {
      this.#tail.append(bytes);
      return true;
    }
    const end = this.#value.push(bytes);
    if (end === 'open') this.#way?.write(bytes);
    else if (end !== 'broken') {
      this.#last = bytes.subarray(0, end);
      this.#tail.append(bytes.subarray(end));
    }
    return end !== 'broken';
  }

  /** The response is over. False when it was not the one that it began as. */
  end(): boolean {
    if (this.#last === undefined || !closesResult(this.#head, this.#tail.take(), this.#opened)) return false;
    this.#way?.end(this.#last);
    return true;
  }
}

function sizeOf(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
