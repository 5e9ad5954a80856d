/** The parts of a response head the bench looks at. */
export interface ReplyHead {
  readonly status: number;
  readonly contentType: string;
  readonly sessionId: string | undefined;
  /** Bytes of the body when announced; absent for chunked bodies and bodies that end with the connection. */
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
  /** The server will close the connection after this response. */
  readonly closes: boolean;
}

/** What a pushed chunk did to the body. */
export type BodyState = 'open' | 'complete' | 'broken';

/** Reads a response head, given without its final empty line. */
export function readHead(text: string): ReplyHead {
  const status = Number(text.slice(9, 12));
  const lower = text.toLowerCase();
  const isEmpty = status === 204 || status === 304;
  const length = findHeader(text, lower, 'content-length');
  return {
    status,
    contentType: findHeader(text, lower, 'content-type') ?? '',
    sessionId: findHeader(text, lower, 'mcp-session-id'),
    contentLength: isEmpty ? 0 : length === undefined ? undefined : Number(length),
    chunked: !isEmpty && (findHeader(text, lower, 'transfer-encoding')?.includes('chunked') ?? false),
    closes: findHeader(text, lower, 'connection')?.toLowerCase() === 'close',
  };
}

function findHeader(text: string, lower: string, name: string): string | undefined {
  const at = lower.indexOf(`\r\n${name}:`);
  if (at === -1) return undefined;
  const start = at + name.length + 3;
  const end = text.indexOf('\r\n', start);
  return text.slice(start, end === -1 ? text.length : end).trim();
}

/** The body of one response as it arrives: announced length, chunked, or until the connection ends. */
export class ReplyBody {
  readonly #parts: Buffer[] = [];
  readonly #head: ReplyHead;
  #left: number;
  #rest: Buffer | undefined;
  #isLast = false;

  constructor(head: ReplyHead) {
    this.#head = head;
    this.#left = head.chunked ? 0 : (head.contentLength ?? Number.POSITIVE_INFINITY);
  }

  /** True when only the end of the connection ends this body. */
  get endsWithSocket(): boolean {
    return !this.#head.chunked && this.#head.contentLength === undefined;
  }

  /** Takes the next bytes and says whether the body is complete. Bytes after the end are broken framing: nothing is pipelined. */
  push(chunk: Buffer): BodyState {
    if (this.#head.chunked) return this.#pushChunked(chunk);
    if (chunk.length > this.#left) return 'broken';
    if (chunk.length > 0) this.#parts.push(chunk);
    this.#left -= chunk.length;
    return this.#left === 0 ? 'complete' : 'open';
  }

  /** The body so far, without framing. */
  bytes(): Buffer {
    const [first] = this.#parts;
    return this.#parts.length === 1 && first ? first : Buffer.concat(this.#parts);
  }

  #pushChunked(chunk: Buffer): BodyState {
    let bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    while (bytes.length > 0) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length);
        this.#parts.push(bytes.subarray(0, taken));
        this.#left -= taken;
        bytes = bytes.subarray(taken);
        continue;
      }
      const end = bytes.indexOf('\r\n');
      if (end === -1) break;
      const line = bytes.toString('latin1', 0, end);
      bytes = bytes.subarray(end + 2);
      // An empty line is the end of a chunk, or of the trailers once the last chunk was seen.
      if (line === '') {
        if (this.#isLast) return bytes.length === 0 ? 'complete' : 'broken';
        continue;
      }
      if (this.#isLast) continue;
      const size = Number.parseInt(line, 16);
      if (Number.isNaN(size)) return 'broken';
      this.#left = size;
      this.#isLast = size === 0;
    }
    if (bytes.length > 0) this.#rest = bytes;
    return 'open';
  }
}
