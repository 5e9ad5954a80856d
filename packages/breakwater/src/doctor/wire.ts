import type { IncomingMessage } from 'node:http';
import { Answer } from './answer.ts';
import { readBody } from './body-reader.ts';
import type { Exchange, HeaderLines } from './exchange.ts';
import { failureOf, linesOf, sendHttp } from './http.ts';
import type { Pace } from './pace.ts';
import type { Verdict } from './persona.ts';
import { exchangeBytes, type RawAnswer, type RawInit } from './raw-socket.ts';
import { headOf, type Send, SSE } from './send.ts';
import { Stream } from './stream.ts';
import type { Target } from './target.ts';

/** Length at which the record of an open stream stops growing; reports show less. */
const RECORDED_CHARS = 16_384;
/** How long a stream that owes no answer is listened to. */
const PEEK_MS = 700;

/** What a {@link Wire} is made of. */
export interface WireInit {
  readonly target: Target;
  readonly pace: Pace;
  readonly agent: string | undefined;
  /** Lines sent with every request (`--header`). */
  readonly extra: HeaderLines;
  /** Longest wait for one answer. */
  readonly answerMs: number;
  /** Ends with the persona's time. */
  readonly over: AbortSignal;
  /** Tools that may be called although they do not say that they only read. */
  readonly allowedTools: readonly string[];
}

/** Thrown where an answer ends a visit: the runner makes it `told` or `stuck`. */
export class Refused extends Error {
  readonly answer: Answer;
  constructor(answer: Answer, wanted: string) {
    super(wanted);
    this.answer = answer;
  }
}

/** What a script plays on: real requests, each one recorded. */
export class Wire {
  readonly target: Target;
  readonly allowedTools: readonly string[];
  readonly extra: HeaderLines;
  readonly answerMs: number;
  readonly exchanges: Exchange[] = [];
  readonly remarks: string[] = [];
  readonly #init: WireInit;
  readonly #streams: Stream[] = [];
  #count = 0;

  constructor(init: WireInit) {
    this.#init = init;
    this.target = init.target;
    this.allowedTools = init.allowedTools;
    this.extra = init.extra;
    this.answerMs = init.answerMs;
  }

  /** The endpoint's path, with something after it. */
  under(suffix: string): string {
    return `${this.target.path}${suffix}`;
  }

  /** POSTs a message to the endpoint (or `path`). */
  post(body: NonNullable<Send['body']>, send: Send = {}): Promise<Answer> {
    return this.send({ ...send, body });
  }

  /** GETs a path; the endpoint when there is none. */
  get(path?: string, send: Send = {}): Promise<Answer> {
    return this.send({ accept: '*/*', ...send, ...(path !== undefined && { path }) });
  }

  /** Sends one request and reads its answer. Never rejects: no answer is an answer too. */
  async send(send: Send): Promise<Answer> {
    const started = await this.#start(send);
    const { n, id, response, failure, finish } = started;
    if (response === undefined)
      return finish(new Answer({ n, status: 0, headers: [], body: '', ending: 'cut', failure, events: [], id }));
    const { text, events, ending } = await readBody(response, { id, peekMs: PEEK_MS });
    const status = response.statusCode ?? 0;
    return finish(new Answer({ n, status, headers: linesOf(response), body: text, ending, events, id }));
  }

  /** Opens a stream that stays open until the visit is over. Without an event stream in the answer, it is one that has ended. */
  async stream(send: Send = {}): Promise<Stream> {
    const { n, response, failure, finish } = await this.#start({ accept: SSE, ...send });
    const empty = { n, status: 0, headers: [], body: '', ending: 'cut', failure, events: [], id: undefined } as const;
    if (response === undefined) throw new Refused(finish(new Answer(empty)), 'GET opens an event stream');
    const head = {
      ...empty,
      status: response.statusCode ?? 0,
      headers: linesOf(response),
      ending: 'left-open',
    } as const;
    const answer = new Answer(head);
    if (!answer.isStream || !answer.ok) {
      const { text, ending } = await readBody(response, { id: undefined, peekMs: PEEK_MS });
      throw new Refused(finish(new Answer({ ...head, body: text, ending })), 'GET opens an event stream');
    }
    finish(answer);
    const stream = new Stream(answer, response, (text) => this.#append(n, text));
    this.#streams.push(stream);
    return stream;
  }

  /** Writes bytes to a connection of its own and reads what comes back. */
  async raw(init: RawInit): Promise<RawAnswer & { readonly n: number }> {
    const n = ++this.#count;
    await this.#init.pace.turn();
    const { target, answerMs, over } = this.#init;
    const began = performance.now();
    const signal = AbortSignal.any([over, AbortSignal.timeout(init.waitMs ?? answerMs)]);
    const answer = await exchangeBytes(target.url, init, signal);
    const response = answer.first;
    this.exchanges.push({
      n,
      request: { method: init.label, url: target.url.origin, headers: [], body: init.shown ?? answer.sent },
      ...(response && { response: { ...response, ending: answer.closed ? 'complete' : 'left-open' } }),
      ...(response === undefined && {
        failure: answer.closed ? 'the connection was closed without an answer' : 'no answer in time',
      }),
      tookMs: performance.now() - began,
    });
    return { ...answer, n };
  }

  /** Goes on when the client has what it needs; ends the visit with this answer otherwise. */
  need(answer: Answer, holds: boolean, wanted: string): void {
    if (!holds) throw new Refused(answer, wanted);
  }

  /** The same for bytes that were written by hand. */
  needRaw({ n, first, closed }: RawAnswer & { readonly n: number }, holds: boolean, wanted: string): void {
    const failure = closed ? 'the connection was closed without an answer' : 'no answer in time';
    const { status, headers, body } = first ?? { status: 0, headers: [], body: '' };
    const failed = first === undefined ? { failure } : {};
    this.need(
      new Answer({ n, status, headers, body, ending: 'complete', events: [], id: undefined, ...failed }),
      holds,
      wanted,
    );
  }

  /** Something the report should say that decided nothing. */
  remark(holds: boolean, otherwise: string): void {
    if (!holds) this.remarks.push(otherwise);
  }

  /** The goal was reached. */
  gotIn(reason: string, answer?: { readonly n: number }): Verdict {
    return { outcome: 'in', reason, decidedBy: answer?.n };
  }

  /** Leaves whatever is open. */
  close(): void {
    for (const stream of this.#streams) stream.close();
  }

  async #start(send: Send) {
    const n = ++this.#count;
    const { target, over, answerMs, agent, extra } = this.#init;
    const { body, path } = send;
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const url = path === undefined ? target.url : target.at(path);
    const method = send.method ?? (text === undefined ? 'GET' : 'POST');
    const bytes = text === undefined ? undefined : Buffer.from(text);
    const headers = headOf(send, { url, bytes: bytes?.length, agent, extra });
    await this.#init.pace.turn();
    const began = performance.now();
    const signal = AbortSignal.any([over, AbortSignal.timeout(send.waitMs ?? answerMs)]);
    let response: IncomingMessage | undefined;
    let failure: string | undefined;
    try {
      response = await sendHttp({ method, url, headers, body: bytes }, signal);
    } catch (error) {
      failure = failureOf(error);
    }
    const finish = (answer: Answer): Answer => {
      const { status, text: body, ending } = answer;
      this.exchanges.push({
        n,
        request: { method, url: url.href, headers, ...(text !== undefined && { body: text }) },
        ...(status !== 0 && { response: { status, headers: answer.headers, body, ending } }),
        ...(failure !== undefined && { failure }),
        tookMs: performance.now() - began,
      });
      return answer;
    };
    return { n, id: idOf(body), response, failure, finish };
  }

  #append(n: number, text: string): void {
    const at = this.exchanges.findIndex((each) => each.n === n);
    const found = this.exchanges[at];
    if (found?.response === undefined || found.response.body.length > RECORDED_CHARS) return;
    this.exchanges[at] = { ...found, response: { ...found.response, body: found.response.body + text } };
  }
}

function idOf(body: Send['body']): unknown {
  return typeof body === 'object' && 'id' in body ? body.id : undefined;
}
