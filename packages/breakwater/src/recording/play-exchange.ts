import { Answer } from '../doctor/answer.ts';
import type { HeaderLines } from '../doctor/exchange.ts';
import type { Outgoing } from '../doctor/messages.ts';
import type { Stream } from '../doctor/stream.ts';
import { Refused, type Wire } from '../doctor/wire.ts';
import { isObject } from '../protocol/capabilities.ts';
import { isSseMediaType } from '../wire/content-type.ts';
import { jsonOf, type Outcome, outcomeOf, requestIdsOf } from './outcome.ts';
import type { RecordedEvent, RecordedExchange } from './record.ts';
import { type JsonRedaction, redactJson } from './redact-json.ts';
import type { References } from './references.ts';
import type { ReplayRequest } from './replay-request.ts';

/** What an exchange is played with. */
export interface PlayInit {
  readonly wire: Wire;
  readonly references: References;
  readonly redaction: JsonRedaction;
  /** Lines the operator adds to every request. */
  readonly extra: HeaderLines;
}

/** One exchange on the live server, while it lasts. */
export class Play {
  readonly recorded: RecordedExchange;
  /** Resolves with what came back, undefined when nothing did. Never rejects. */
  readonly outcome: Promise<Outcome | undefined>;
  /** Why there is no outcome. */
  failure: string | undefined;
  readonly #init: PlayInit;
  readonly #head = Promise.withResolvers<void>();
  readonly #steps: PromiseWithResolvers<void>[];
  #stream: Stream | undefined;
  #isOver = false;

  constructor(recorded: RecordedExchange, request: ReplayRequest & { ok: true }, init: PlayInit) {
    this.recorded = recorded;
    this.#init = init;
    this.#steps = eventsOf(recorded).map(() => Promise.withResolvers<void>());
    this.outcome = this.#play(request).finally(() => {
      this.#isOver = true;
      this.#head.resolve();
      for (const step of this.#steps) step.resolve();
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when as much of this exchange has happened as had in the recording at this time (ms since it began). */
  async reached(atMs: number): Promise<void> {
    const { recorded } = this;
    const { response } = recorded;
    if (recorded.atMs + recorded.tookMs <= atMs) return void (await this.outcome);
    if (response === undefined || recorded.atMs + response.atMs > atMs) return;
    await this.#head.promise;
    const seen = eventsOf(recorded).filter((event) => recorded.atMs + event.atMs <= atMs).length;
    await this.#steps[seen - 1]?.promise;
  }

  /** The client leaves. */
  leave(): void {
    this.#stream?.close();
  }

  async #play(request: ReplayRequest & { ok: true }): Promise<Outcome | undefined> {
    const { wire, extra } = this.#init;
    const { method, path, body } = request;
    const send = {
      method,
      path,
      headFor: (bytes: number): HeaderLines => [
        ['Host', wire.target.url.host],
        ...request.headers.filter(([name]) => !extra.some(([own]) => own.toLowerCase() === name.toLowerCase())),
        ...extra,
        ...(body === undefined ? [] : [['Content-Length', String(bytes)] as const]),
        ['Connection', 'close'],
      ],
      ...(body !== undefined && { body: body as Outgoing }),
    };
    const { response } = this.recorded;
    const answer = response?.body.kind === 'events' ? await this.#listen(send) : await wire.send(send);
    this.#head.resolve();
    if (answer === undefined) return undefined;
    if (answer.status === 0) {
      this.failure = answer.describe();
      return undefined;
    }
    this.#learnHead(answer);
    const values = answer.isStream ? answer.events.map(parse) : [parse(answer.text)];
    if (response !== undefined) this.#learnBody(jsonOf(response.body), values);
    return this.#sumUp(answer, values);
  }

  async #listen(send: Parameters<Wire['stream']>[0]): Promise<Answer | undefined> {
    const { wire, references } = this.#init;
    let stream: Stream;
    try {
      stream = await wire.stream(send);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return error.answer;
    }
    this.#stream = stream;
    this.#learnHead(stream.answer);
    this.#head.resolve();
    const texts: string[] = [];
    for (const [index, event] of eventsOf(this.recorded).entries()) {
      const live = await stream.at(index, wire.answerMs);
      if (live === undefined) break;
      texts.push(live.data);
      if (event.text !== undefined && event.event === 'endpoint') references.learnAddress(event.text, live.data);
      references.learn(event.json, parse(live.data));
      this.#steps[index]?.resolve();
    }
    // A server may say more on the way than it did then; the answer is still to come.
    const [id] = requestIdsOf(send?.body);
    const final =
      id === undefined
        ? undefined
        : await stream.find(({ json }) => json?.['id'] === id && !('method' in json), wire.answerMs);
    if (final !== undefined && !texts.includes(final.data)) texts.push(final.data);
    if (this.recorded.end === 'complete') stream.close();
    const { n, status, headers } = stream.answer;
    return new Answer({ n, status, headers, body: texts.join('\n'), ending: 'left-open', events: texts, id });
  }

  #learnBody(recorded: readonly unknown[], live: readonly unknown[]): void {
    for (const value of recorded) {
      const same = live.find(
        (each) => isObject(value) && isObject(each) && each['id'] === value['id'] && !('method' in each),
      );
      this.#init.references.learn(value, same ?? live[0]);
    }
  }

  #learnHead(answer: Answer): void {
    const recorded = this.recorded.response?.headers.find(([name]) => name.toLowerCase() === 'mcp-session-id')?.[1];
    this.#init.references.learn(recorded, answer.sessionId);
  }

  #sumUp(answer: Answer, values: readonly unknown[]): Outcome {
    const redacted = values
      .filter((value) => value !== undefined)
      .map((value) => redactJson(value, this.#init.redaction));
    const { body } = this.recorded.request;
    return outcomeOf(
      answer.status,
      answer.header('content-type'),
      redacted,
      requestIdsOf(body.kind === 'json' ? body.value : undefined),
    );
  }
}

/** What the recording says came back; undefined when nothing did. */
export function recordedOutcome({ request, response }: RecordedExchange): Outcome | undefined {
  if (response === undefined) return undefined;
  const type = response.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  const ids = requestIdsOf(request.body.kind === 'json' ? request.body.value : undefined);
  return outcomeOf(response.status, type, jsonOf(response.body), ids);
}

/** Whether an exchange was a standing stream, of which only the head can be compared. */
export function isStanding({ request, response }: RecordedExchange): boolean {
  const type = response?.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  return request.method === 'GET' && isSseMediaType(type);
}

function eventsOf({ response }: RecordedExchange): readonly RecordedEvent[] {
  // Priming events and other empty ones are no steps: not every server sends them.
  return response?.body.kind === 'events'
    ? response.body.events.filter(({ json, text }) => json !== undefined || text !== undefined)
    : [];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // Not JSON: nothing to compare.
  }
}
