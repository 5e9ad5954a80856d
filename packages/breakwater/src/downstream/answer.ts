import type { Timer } from '../core/ports.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { resultHead, writeResult } from '../jsonrpc/write.ts';
import { CallStream } from './call-stream.ts';
import { EventStream, eventHead } from './event-stream.ts';
import type { Inbound } from './inbound.ts';
import { type EndReason, PacedWriter } from './paced-writer.ts';
import { ResultBody } from './result-body.ts';
import type { SessionLog } from './session-log.ts';

/** Where the messages that answer requests go, whatever the transport. */
export interface Answer {
  /** Sends a message that precedes a response. False when the client reads too slowly and the source should pause. */
  notify(message: Buffer): boolean;
  /** The same of one that is text in latin1; absent where nothing is saved by that. */
  notifyText?(message: string): boolean;
  /** Sends a request to the client; false when this answer can carry none. */
  request(message: Buffer): boolean;
  /** Sends a response; `status` counts where it is the first thing sent. */
  respond(message: Buffer, status: number): void;
  /**
   * Begins a successful response whose result follows in pieces, through the returned function, which is false when the client reads too slowly. Its last bytes
   * come with `respondResult`; every other way to answer breaks it off. `bytes`: of the result and at least one more; undefined where nobody knows. Undefined
   * where a result has to be whole.
   */
  beginResult?(id: RawId, bytes: number | undefined): ((bytes: Buffer) => boolean) | undefined;
  /** Sends a successful response without copying its result; absent where nothing is saved by that. */
  respondResult?(id: RawId, result: Buffer): void;
  /** Gives up one response. `message` is sent only where HTTP demands an answer. */
  withdraw(message: Buffer, status: number): void;
  /** Calls `run` once the client has caught up, or is gone. */
  onceDrained(run: () => void): void;
  /** The stream that this answer is, from now on at the latest, when it is that of one request and is written down. */
  keptAs?(): string | undefined;
}

/** What a {@link LateAnswer} is made of. */
export interface LateAnswerInit {
  readonly inbound: Inbound;
  /** The requests to answer. */
  readonly ids: readonly RawId[];
  /** Responses to send beside those to `ids`: for elements that were no messages. */
  readonly extra: number;
  /** The body was a batch: the answer is an array. */
  readonly batch: boolean;
  /** Repeated in the head. */
  readonly sessionId: string | undefined;
  /** Brings the session's event log, where the stream can be resumed; called when there is a stream. */
  readonly log: (() => SessionLog) | undefined;
  /** The revision knows priming events. */
  readonly primes: boolean;
  /** Called when the client goes away before everything was sent; undefined where that means nothing. */
  readonly onGone: (() => void) | undefined;
}

// Larger bodies are written in pieces, so that a client that does not read them is noticed.
const PACED_BYTES = 65_536;
// As text Node writes a small body and its head as one piece: 2.5 of the 53 µs of a call. Latin-1 keeps every byte as it is.
const TEXT_BYTES = 4_096;
// From here on writing in three pieces is cheaper than joining them: 8 of the 40 µs of a list of 41 KB.
const SPLICED_BYTES = 8_192;
// What one turn brings of an event stream is held until it ends, because nearly always the answer ends in it, too: then it is a body like any other, and
// the stream, its heartbeat, its deadline and its two entries in the ledger (a quarter of the gateway's part of such a call) were for nothing.
const HELD_BYTES = 16_384;
const CLOSE_BRACE = Buffer.from('}');
const OPEN = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']');

/**
 * The answer of one POST, committed late: it waits for the first message or for `commitMs` and only then becomes an error status, one JSON
 * body, or an event stream with keep-alive comments.
 */
export class LateAnswer implements Answer {
  readonly #init: LateAnswerInit;
  #left: number;
  #commit: Timer | undefined;
  #stream: CallStream | undefined;
  #parts: Buffer[] = [];
  /** The one JSON body, while its result still comes in. */
  #body: ResultBody | undefined;
  #over = false;

  constructor(init: LateAnswerInit) {
    this.#init = init;
    this.#left = init.ids.length + init.extra;
    const { context, res, accept } = init.inbound;
    if (accept !== 'json') this.#commit = context.deps.clock.after(context.options.commitMs, this.#onCommit);
    if (init.onGone !== undefined) res.once('close', this.#onClose);
    context.drain.enter();
  }

  notify(message: Buffer | string): boolean {
    if (this.#over || this.#init.inbound.accept === 'json') return true;
    this.#becomeStream();
    return this.#publish(message);
  }

  notifyText(message: string): boolean {
    return this.notify(message);
  }

  request(message: Buffer): boolean {
    if (this.#over || this.#init.inbound.accept === 'json') return false;
    this.#becomeStream();
    if (this.#stream === undefined) return false;
    this.#publish(message);
    return true;
  }

  beginResult(id: RawId, bytes: number | undefined): ((bytes: Buffer) => boolean) | undefined {
    const { context, req, res } = this.#init.inbound;
    // For a client of HTTP/1.0 a body without a length ends where the connection does: a part would look like the whole.
    const isBounded = bytes !== undefined || req.httpVersion !== '1.0';
    if (!isBounded || this.#over || !this.#isOneBody || res.destroyed || res.headersSent) return undefined;
    this.#commit?.clear();
    const head = resultHead(id);
    this.#writeHead(bytes === undefined ? undefined : head.length + bytes, 200);
    const { options, deps, backlog } = context;
    const body = new ResultBody(res, Buffer.from(head, 'latin1'), bytes, { pace: options, clock: deps.clock, backlog });
    this.#body = body;
    return (piece) => body.write(piece);
  }

  respond(message: Buffer | string, status: number): void {
    if (this.#over) return;
    if (this.#body !== undefined) return this.#breakOff();
    this.#left--;
    // An error status says more than an event could, also to a client that accepts event streams alone.
    if (this.#stream === undefined && this.#init.inbound.accept === 'sse' && status === 200) this.#becomeStream();
    if (this.#stream !== undefined) {
      this.#publish(message);
      if (this.#left === 0) this.#finish('ended');
    } else if (this.#init.batch) {
      this.#parts.push(typeof message === 'string' ? Buffer.from(message, 'latin1') : message);
      if (this.#left === 0) this.#sendBody(joinArray(this.#parts), 200);
    } else this.#sendBody(message, status);
  }

  respondResult(id: RawId, result: Buffer): void {
    if (this.#body !== undefined) this.#endBody(this.#body, result);
    else if (result.length < TEXT_BYTES) this.respond(`${resultHead(id)}${result.toString('latin1')}}`, 200);
    else if (!this.#isOneBody || result.length < SPLICED_BYTES) this.respond(writeResult(id, result), 200);
    else if (!this.#over) this.#sendSpliced(resultHead(id), result);
  }

  withdraw(message: Buffer, status: number): void {
    if (this.#over) return;
    if (this.#stream === undefined) this.respond(message, status);
    else if (--this.#left === 0) this.#finish('ended');
  }

  onceDrained(run: () => void): void {
    const slow = this.#stream ?? this.#body;
    if (slow === undefined) run();
    else slow.onceDrained(run);
  }

  keptAs(): string | undefined {
    const { batch, ids, inbound, log } = this.#init;
    const isAlone = !batch && ids.length === 1;
    if (this.#over || !isAlone || log === undefined || inbound.accept === 'json') return undefined;
    if (inbound.context.deps.archive === undefined) return undefined;
    this.#becomeStream();
    return this.#stream?.id;
  }

  /** Ends whatever was begun because its session ended; `message` and `status` are for a client that has no head yet. */
  abort(reason: EndReason, message: Buffer, status: number): void {
    if (this.#over) return;
    if (this.#body !== undefined) this.#breakOff();
    else if (this.#stream === undefined) this.#sendBody(message, status);
    else this.#finish(reason);
  }

  get #isOneBody(): boolean {
    const { batch, inbound } = this.#init;
    return this.#stream === undefined && !batch && inbound.accept !== 'sse';
  }

  #endBody(body: ResultBody, last: Buffer): void {
    if (this.#over) return;
    this.#close();
    body.end(last);
  }

  // The client has a part of an answer: only the end of its connection says that there is no more of it.
  #breakOff(): void {
    this.#close();
    this.#init.inbound.res.destroy();
  }

  #sendSpliced(head: string, result: Buffer): void {
    if (!this.#sendHead(head.length + result.length + 1, 200)) return;
    const { res } = this.#init.inbound;
    if (result.length > PACED_BYTES) {
      this.#pace().end('ended', Buffer.from(head, 'latin1'), result, CLOSE_BRACE);
      return;
    }
    res.cork();
    res.write(head, 'latin1');
    res.write(result);
    res.end('}', 'latin1');
    res.uncork();
  }

  #sendBody(body: Buffer | string, status: number): void {
    if (!this.#sendHead(body.length, status)) return;
    const { res } = this.#init.inbound;
    if (typeof body === 'string') res.end(body, 'latin1');
    else if (body.length <= TEXT_BYTES) res.end(body.toString('latin1'), 'latin1');
    else if (body.length <= PACED_BYTES) res.end(body);
    else this.#pace().end('ended', body);
  }

  #pace(): PacedWriter {
    const { context, res } = this.#init.inbound;
    const { options, deps, backlog } = context;
    return new PacedWriter(res, options, { clock: deps.clock, backlog }, noteNothing);
  }

  /** Begins a JSON answer; false when there is nobody to read it. */
  #sendHead(bytes: number, status: number): boolean {
    this.#close();
    const { res } = this.#init.inbound;
    // A legacy client that is gone has not cancelled, but it has no event id to resume by either: the answer has no reader.
    if (res.destroyed || res.headersSent) return false;
    this.#writeHead(bytes, status);
    return true;
  }

  #writeHead(bytes: number | undefined, status: number): void {
    const { inbound, sessionId } = this.#init;
    // Names and values by turns, as Node writes them fastest.
    const headers = ['content-type', 'application/json'];
    if (bytes !== undefined) headers.push('content-length', String(bytes));
    if (sessionId !== undefined) headers.push('mcp-session-id', sessionId);
    if (status === 429 || status === 503) headers.push('retry-after', '1');
    inbound.res.writeHead(status, headers);
  }

  #becomeStream(): void {
    if (this.#over || this.#stream !== undefined) return;
    this.#commit?.clear();
    const { inbound, ids, log, primes } = this.#init;
    if (inbound.res.destroyed || inbound.res.headersSent) return;
    this.#stream = new CallStream(ids, log?.());
    this.#stream.hold(primes);
    // What is written down elsewhere, too, needs to know when its connection has taken it.
    if (inbound.context.deps.archive !== undefined) this.#connect(this.#stream);
    else process.nextTick(LateAnswer.#onTurn, this);
    for (const part of this.#parts) this.#publish(part);
    this.#parts = [];
  }

  // Of the class: a closure for each of many thousand answers would outlive its one turn.
  static #onTurn(answer: LateAnswer): void {
    const stream = answer.#stream;
    if (stream?.heldBytes !== undefined && !answer.#over) answer.#connect(stream);
  }

  #connect(call: CallStream): void {
    const { inbound, sessionId } = this.#init;
    // Of a session it goes on without its client, which may come back for it.
    if (inbound.res.destroyed || inbound.res.headersSent) {
      call.take();
      return;
    }
    const stream: EventStream = new EventStream({
      arrival: inbound,
      kind: 'post',
      owner: sessionId,
      sessionId,
      onEnd: () => call.lose(stream),
    });
    call.open(stream);
  }

  #publish(message: Buffer | string): boolean {
    const stream = this.#stream;
    if (stream === undefined) return true;
    if (stream.heldBytes !== undefined && stream.heldBytes + message.length > HELD_BYTES) this.#connect(stream);
    return stream.publish(message);
  }

  readonly #onCommit = (): void => {
    this.#becomeStream();
    if (this.#stream === undefined) return;
    if (this.#stream.heldBytes !== undefined) this.#connect(this.#stream);
    this.#stream.comment();
  };

  #finish(reason: EndReason): void {
    this.#close();
    const stream = this.#stream;
    if (stream?.heldBytes !== undefined) this.#sendEvents(stream.take());
    stream?.end(reason);
  }

  #sendEvents(events: string): void {
    const { inbound, sessionId } = this.#init;
    const { res } = inbound;
    if (res.destroyed || res.headersSent) return;
    res.writeHead(200, eventHead(sessionId, events.length));
    res.end(events, 'latin1');
  }

  #close(): void {
    this.#over = true;
    this.#commit?.clear();
    this.#init.inbound.context.drain.leave();
  }

  readonly #onClose = (): void => {
    if (this.#over) return;
    this.#close();
    this.#init.onGone?.();
    this.#stream?.end('client-gone');
  };
}

function joinArray(parts: readonly Buffer[]): Buffer {
  const pieces: Buffer[] = [OPEN];
  for (const [index, part] of parts.entries()) pieces.push(...(index === 0 ? [part] : [COMMA, part]));
  pieces.push(CLOSE);
  return Buffer.concat(pieces);
}

function noteNothing(): void {
  // A large body has no ledger entry: its exchange is over and its socket closes with it.
}
