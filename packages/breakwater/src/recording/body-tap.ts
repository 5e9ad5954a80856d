import { isJsonMediaType, isSseMediaType } from '../wire/content-type.ts';
import { createSseParser, type SseEvent } from '../wire/sse-parser.ts';
import { hideString } from './placeholder.ts';
import type { RecordedBody, RecordedEvent } from './record.ts';
import { redactAddress } from './redact-head.ts';
import { type JsonRedaction, redactJson } from './redact-json.ts';

/** Largest body, and largest event, that is looked into. */
const MOST_BYTES = 1_048_576;
const MOST_EVENTS = 2_000;

/** Memory that all bodies of a recorder share while they are being read. */
export class TapBudget {
  #left: number;
  constructor(bytes: number) {
    this.#left = bytes;
  }
  /** Takes this much; false when there is not enough. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }
  /** Gives it back. */
  give(bytes: number): void {
    this.#left += bytes;
  }
}

/** What a {@link BodyTap} needs to know. */
export interface BodyTapInit extends JsonRedaction {
  readonly mediaType: string | undefined;
  readonly encoding: string | undefined;
  readonly budget: TapBudget;
  /** Milliseconds since the request. */
  readonly elapsedMs: () => number;
}

/** Watches the bytes of one body pass and says afterwards what may be recorded of them. Holds back nothing. */
export class BodyTap {
  readonly #init: BodyTapInit;
  readonly #events: RecordedEvent[] = [];
  readonly #parser: ReturnType<typeof createSseParser> | undefined;
  #chunks: Buffer[] = [];
  #held = 0;
  #bytes = 0;
  #lost = 0;
  #why: 'too-large' | 'busy' | undefined;

  constructor(init: BodyTapInit) {
    this.#init = init;
    if (isSseMediaType(init.mediaType) && !isEncoded(init.encoding)) {
      this.#parser = createSseParser((event) => this.#take(event), { maxEventBytes: MOST_BYTES });
    }
  }

  /** Bytes that pass. */
  push(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#parser !== undefined) {
      if (this.#parser.push(chunk) !== undefined) this.#lost += 1;
      return;
    }
    if (this.#why !== undefined) return;
    if (this.#held + chunk.length > MOST_BYTES) this.#drop('too-large');
    else if (!this.#init.budget.take(chunk.length)) this.#drop('busy');
    else {
      this.#held += chunk.length;
      this.#chunks.push(chunk);
    }
  }

  /** The body is over, or was cut. To be called once. */
  finish(isWhole: boolean): RecordedBody {
    const bytes = this.#bytes;
    if (this.#parser !== undefined) {
      this.#parser.end();
      for (const each of this.#events) this.#init.budget.give(sizeOf(each));
      return { kind: 'events', bytes, events: this.#events, lost: this.#lost };
    }
    const text = Buffer.concat(this.#chunks);
    this.#drop(undefined);
    if (bytes === 0) return { kind: 'empty' };
    if (this.#why !== undefined) return { kind: 'hidden', bytes, why: this.#why };
    if (isEncoded(this.#init.encoding)) return { kind: 'hidden', bytes, why: 'encoded' };
    if (!isWhole) return { kind: 'hidden', bytes, why: 'cut' };
    // By what it is, not by what it says it is: clients in the wild leave Content-Type out.
    const json = parse(text.toString());
    if (json === undefined || this.#isForeign()) return { kind: 'hidden', bytes, why: 'not-json' };
    return { kind: 'json', bytes, value: redactJson(json.value, this.#init) };
  }

  #isForeign(): boolean {
    const { mediaType } = this.#init;
    return mediaType !== undefined && !isJsonMediaType(mediaType) && !/^(text|application)\//i.test(mediaType);
  }

  #take({ event, data, id }: SseEvent): void {
    const { names, elapsedMs, budget } = this.#init;
    const text = data.toString();
    const json = parse(text);
    const recorded: RecordedEvent = {
      atMs: elapsedMs(),
      event: /^[\w/-]{1,40}$/.test(event) ? event : 'other',
      ...(id !== undefined && id !== '' && { id: names.of('event', id) }),
      ...(json !== undefined && { json: redactJson(json.value, this.#init) }),
      ...(json === undefined &&
        text !== '' && { text: event === 'endpoint' ? redactAddress(text, names) : hideString(text) }),
    };
    if (this.#events.length < MOST_EVENTS && budget.take(sizeOf(recorded))) this.#events.push(recorded);
    else this.#lost += 1;
  }

  #drop(why: 'too-large' | 'busy' | undefined): void {
    this.#why ??= why;
    this.#init.budget.give(this.#held);
    this.#held = 0;
    this.#chunks = [];
  }
}

function isEncoded(encoding: string | undefined): boolean {
  return encoding !== undefined && encoding.trim().toLowerCase() !== 'identity' && encoding.trim() !== '';
}

function sizeOf(event: RecordedEvent): number {
  return JSON.stringify(event).length;
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined; // Not JSON: its caller records how long it was.
  }
}
