import { Answer } from '../doctor/answer.ts';
import type { HeaderLines } from '../doctor/exchange.ts';
import type { Outgoing } from '../doctor/messages.ts';
import { isSafe } from '../doctor/safe-tools.ts';
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
  /** Tools of which the live server said that they only read; more are added as it lists them. */
  readonly readOnly: Set<string>;
}

/** How much longer than it did then a client waits that left without an answer. */
const PATIENCE_MS = 1_000;

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
    const { response, tookMs } = this.recorded;
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
      ...(response === undefined && { waitMs: Math.min(wire.answerMs, Math.ceil(tookMs) + PATIENCE_MS) }),
    };
    const answer = response?.body.kind === 'events' ? await this.#listen(send) : await wire.send(send);
    this.#head.resolve();
    if (answer === undefined) return undefined;
    if (answer.status === 0) {
      this.failure = answer.describe();
      return undefined;
    }
    this.#learnHead(answer);
    const values = answer.isStream ? answer.events.map(parse) : [parse(answer.text)];
    this.#learnBody(jsonOf(response?.body ?? { kind: 'empty' }), values);
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
      const value = parse(live.data);
      references.learn(event.json, value);
      this.#learnTools(value);
      this.#steps[index]?.resolve();
    }
    // A server may say more on the way than it did then; the answer is still to come.
    const [id] = requestIdsOf(this.recorded.request.body);
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
    for (const value of live) this.#learnTools(value);
  }

  #learnTools(value: unknown): void {
    const result = isObject(value) ? value['result'] : undefined;
    const tools = isObject(result) && Array.isArray(result['tools']) ? result['tools'] : [];
    for (const tool of tools) {
      if (isObject(tool) && isSafe(tool, []) && typeof tool['name'] === 'string') this.#init.readOnly.add(tool['name']);
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
    const ids = isStanding(this.recorded) ? undefined : requestIdsOf(this.recorded.request.body);
    return outcomeOf(answer.status, answer.header('content-type'), redacted, ids);
  }
}

/** What the recording says came back; undefined when nothing did. */
export function recordedOutcome(recorded: RecordedExchange): Outcome | undefined {
  const { request, response } = recorded;
  if (response === undefined) return undefined;
  const ids = isStanding(recorded) ? undefined : requestIdsOf(request.body);
  return outcomeOf(response.status, typeOf(recorded), jsonOf(response.body), ids);
}

/** Whether an exchange was a stream that carries the answers to others. */
export function isStanding(recorded: RecordedExchange): boolean {
  return recorded.request.method === 'GET' && isSseMediaType(typeOf(recorded));
}

function typeOf({ response }: RecordedExchange): string | undefined {
  return response?.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
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
