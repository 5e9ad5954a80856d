import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/** What of a request a seal is bound to: whoever reads another request with it does not open it. */
export interface SealedRequest {
  readonly method: string;
  readonly path: string;
  /** See {@link framingOf}. */
  readonly framing: string;
}

const LABEL = 'EXPORTER-breakwater peer seal 1';
const KEY_BYTES = 32;
const SEALED = /^([1-9]\d{0,14})\.([\w-]*)\.([\w-]{43})$/;
const seals = new WeakMap<Duplex, PeerSeal>();

/**
 * Seals what one node says to another of the requests on one connection. The key is that connection's own (RFC 5705), known to its two ends alone: bytes that
 * anybody else slips into it carry no seal, and a seal opens once, for the request it was made for, on no other connection.
 */
export class PeerSeal {
  readonly #key: Buffer;
  #last = 0;

  private constructor(socket: TLSSocket) {
    this.#key = socket.exportKeyingMaterial(KEY_BYTES, LABEL, Buffer.alloc(0));
  }

  /** Gives a stream, as HTTP has it, the seal of the open connection that carries it. */
  static give<Stream extends Duplex>(stream: Stream, socket: TLSSocket): Stream {
    seals.set(stream, new PeerSeal(socket));
    return stream;
  }

  /** The seal that a stream was given. Throws for a stream without one. */
  static of(stream: Duplex): PeerSeal {
    const seal = seals.get(stream);
    if (seal === undefined) throw new TypeError('not a stream between nodes');
    return seal;
  }

  /** The last request that was sealed or opened here. */
  get last(): number {
    return this.#last;
  }

  /** Seals the word for the next request on the connection, as a header value. */
  close(word: string, request: SealedRequest): string {
    const count = String(++this.#last);
    const said = Buffer.from(word).toString('base64url');
    return `${count}.${said}.${this.#sign(count, said, request).toString('base64url')}`;
  }

  /** The word that was sealed for this request; undefined for everything else, and for what was opened before. */
  open(sealed: unknown, request: SealedRequest): string | undefined {
    const [, count = '', said = '', signature] = SEALED.exec(typeof sealed === 'string' ? sealed : '') ?? [];
    if (signature === undefined || Number(count) <= this.#last) return undefined;
    if (!timingSafeEqual(Buffer.from(signature, 'base64url'), this.#sign(count, said, request))) return undefined;
    this.#last = Number(count);
    return Buffer.from(said, 'base64url').toString();
  }

  #sign(count: string, said: string, { method, path, framing }: SealedRequest): Buffer {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([count, said, method, path, framing]))
      .digest();
  }
}

/** How a request says where it ends, from its headers. */
export function framingOf(headers: Readonly<Record<string, unknown>>): string {
  return JSON.stringify([headers['content-length'], headers['transfer-encoding']]);
}
