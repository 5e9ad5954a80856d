import { isObject, type JsonObject } from '../protocol/capabilities.ts';

/** What a frame is. Numbers are the wire's: they are never given to something else. */
export const FrameType = {
  // From the node that borrows.
  open: 1,
  call: 2,
  cancel: 3,
  pause: 4,
  resume: 5,
  answer: 6,
  suspended: 7,
  takesQuestions: 8,
  openFeed: 9,
  watch: 10,
  unwatch: 11,
  watchTask: 12,
  unwatchTask: 13,
  // From the owner.
  opened: 32,
  refused: 33,
  facts: 34,
  notify: 35,
  ask: 36,
  withdrawn: 37,
  done: 38,
  reply: 39,
  change: 40,
  page: 41,
  end: 42,
  progress: 43,
  retired: 44,
} as const;

/** One message between two nodes: what it is, which call it belongs to (0: none), values as JSON, and bytes that pass as they are. */
export interface Frame {
  readonly type: number;
  readonly call: number;
  readonly head: JsonObject;
  readonly parts: readonly (Buffer | undefined)[];
}

/** A frame to be written; without head or parts where it has none. */
export interface FrameToWrite {
  readonly type: number;
  readonly call?: number;
  readonly head?: JsonObject;
  readonly parts?: readonly (Buffer | undefined)[];
}

const SIZE_BYTES = 4;
/** type, call, count of parts */
const FIXED_BYTES = 6;
const ABSENT = 0xffff_ffff;
const NOTHING = Buffer.alloc(0);
const NO_HEAD: JsonObject = {};

/** The longest frame that is read. Peers are trusted, but not to be without faults. */
export const MAX_FRAME_BYTES = 512 * 1024 * 1024;

/**
 * A frame's bytes, in order: `size:u32 type:u8 call:u32 count:u8 (length:u32){count + 1} head part…`, where `size` counts what follows it and the first
 * length is the head's. Parts are not copied.
 */
export function encodeFrame({ type, call = 0, head, parts = [] }: FrameToWrite): Buffer[] {
  const json = head === undefined ? NOTHING : Buffer.from(JSON.stringify(head));
  const lead = Buffer.allocUnsafe(SIZE_BYTES + FIXED_BYTES + SIZE_BYTES * (parts.length + 1));
  let size = lead.length - SIZE_BYTES + json.length;
  for (const part of parts) size += part?.length ?? 0;
  let at = lead.writeUInt32BE(size, 0);
  at = lead.writeUInt8(type, at);
  at = lead.writeUInt32BE(call, at);
  at = lead.writeUInt8(parts.length, at);
  at = lead.writeUInt32BE(json.length, at);
  for (const part of parts) at = lead.writeUInt32BE(part?.length ?? ABSENT, at);
  const bytes: Buffer[] = [lead, json];
  for (const part of parts) if (part !== undefined) bytes.push(part);
  return bytes;
}

/** Reads frames out of a stream of bytes, however it is cut. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #size = 0;
  #isBroken = false;

  constructor(maxBytes = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The frames that are complete now; undefined, from then on for ever, once something else than a frame was read. */
  push(chunk: Buffer): readonly Frame[] | undefined {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const frames: Frame[] = [];
    while (!this.#isBroken && this.#size >= SIZE_BYTES) {
      const size = this.#peekSize();
      if (size > this.#maxBytes) this.#isBroken = true;
      else if (this.#size < SIZE_BYTES + size) break;
      else {
        const frame = decodeFrame(this.#take(SIZE_BYTES + size).subarray(SIZE_BYTES));
        if (frame === undefined) this.#isBroken = true;
        else frames.push(frame);
      }
    }
    return this.#isBroken ? undefined : frames;
  }

  #peekSize(): number {
    const [first = NOTHING] = this.#chunks;
    return (first.length >= SIZE_BYTES ? first : this.#join()).readUInt32BE(0);
  }

  // Chunks are joined only once the frame is whole: a large one arrives in thousands of them.
  #take(bytes: number): Buffer {
    const [first = NOTHING] = this.#chunks;
    const joined = first.length >= bytes ? first : this.#join();
    this.#size -= bytes;
    const rest = joined.subarray(bytes);
    if (rest.length > 0) this.#chunks[0] = rest;
    else this.#chunks.shift();
    return joined.subarray(0, bytes);
  }

  #join(): Buffer {
    const joined = Buffer.concat(this.#chunks, this.#size);
    this.#chunks = [joined];
    return joined;
  }
}

function decodeFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length < FIXED_BYTES + SIZE_BYTES) return undefined;
  const type = bytes.readUInt8(0);
  const call = bytes.readUInt32BE(1);
  const count = bytes.readUInt8(5);
  let at = FIXED_BYTES + SIZE_BYTES * (count + 1);
  if (bytes.length < at) return undefined;
  const pieces: (Buffer | undefined)[] = [];
  for (let i = 0; i <= count; i++) {
    const length = bytes.readUInt32BE(FIXED_BYTES + SIZE_BYTES * i);
    if (length === ABSENT) {
      pieces.push(undefined);
      continue;
    }
    if (at + length > bytes.length) return undefined;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  if (at !== bytes.length) return undefined;
  const [json, ...parts] = pieces;
  const head = json === undefined || json.length === 0 ? NO_HEAD : parseHead(json);
  return head === undefined ? undefined : { type, call, head, parts };
}

function parseHead(json: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(json.toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // the whole stream is broken then
  }
}
