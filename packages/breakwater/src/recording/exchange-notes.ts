import type { HeaderLines } from '../doctor/exchange.ts';
import { BodyTap, type TapBudget } from './body-tap.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import { RECORD_VERSION, type RecordedExchange } from './record.ts';
import { redactHeaders, redactPath, redactQuery } from './redact-head.ts';

/** What is known of an exchange when it begins. */
export interface NotesInit {
  readonly n: number;
  readonly atMs: number;
  readonly client: string;
  readonly method: string;
  /** Path and query as they stood on the wire. */
  readonly path: string;
  readonly headers: HeaderLines;
  readonly names: Pseudonyms;
  readonly keepValues: boolean;
  readonly budget: TapBudget;
}

/** What is noted of one exchange while it lasts; becomes a record once, when it is over. */
export class ExchangeNotes {
  readonly request: BodyTap;
  response: BodyTap | undefined;
  readonly #init: NotesInit;
  readonly #done: (record: RecordedExchange) => void;
  readonly #began = performance.now();
  #head: { readonly atMs: number; readonly status: number; readonly headers: HeaderLines } | undefined;
  #isOver = false;

  constructor(init: NotesInit, done: (record: RecordedExchange) => void) {
    this.#init = init;
    this.#done = done;
    this.request = this.#tap(init.headers);
  }

  /** The head of the answer came. */
  answered(status: number, headers: HeaderLines): void {
    this.#head = { atMs: this.#elapsedMs(), status, headers };
    this.response = this.#tap(headers);
  }

  /** The exchange is over; only the first call counts. */
  finish(end: RecordedExchange['end']): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { n, atMs, client, method, path, headers, names, keepValues } = this.#init;
    const [pathname = '/'] = path.split(/[?#]/, 1);
    const isWhole = end === 'complete';
    this.#done({
      v: RECORD_VERSION,
      n,
      client,
      atMs: round(atMs),
      tookMs: this.#elapsedMs(),
      values: keepValues ? 'kept' : 'hidden',
      request: {
        method: /^[A-Z]{1,20}$/.test(method) ? method : 'OTHER',
        path: redactPath(pathname, names),
        query: redactQuery(path.slice(pathname.length), names),
        headers: redactHeaders(headers, names, keepValues),
        body: this.request.finish(true),
      },
      ...(this.#head !== undefined && {
        response: {
          ...this.#head,
          headers: redactHeaders(this.#head.headers, names, keepValues),
          body: this.response?.finish(isWhole) ?? { kind: 'empty' as const },
        },
      }),
      end: end === 'complete' && this.#head === undefined ? 'no-answer' : end,
    });
  }

  #tap(lines: HeaderLines): BodyTap {
    const first = (wanted: string) => lines.find(([name]) => name.toLowerCase() === wanted)?.[1];
    return new BodyTap({
      names: this.#init.names,
      keepValues: this.#init.keepValues,
      budget: this.#init.budget,
      mediaType: first('content-type'),
      encoding: first('content-encoding'),
      elapsedMs: () => this.#elapsedMs(),
    });
  }

  #elapsedMs(): number {
    return round(performance.now() - this.#began);
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
