import type { Timer } from '../../core/ports.ts';
import { EventStream } from '../event-stream.ts';
import type { Written } from './deliver.ts';
import type { RestEvent } from './exchange.ts';
import type { RestRequest } from './request.ts';
import { sendBody } from './send.ts';

/**
 * An event stream over plain HTTP: `progress` and `log` while it runs, then `result`, `input-required` or `error`. It is committed late: a problem that is known before
 * the first event is told by the status.
 */
export class EventFeed {
  readonly #request: RestRequest;
  readonly #onEnd: () => void;
  readonly #commit: Timer;
  #stream: EventStream | undefined;
  #isOver = false;

  /** @param onEnd called once, when everything was sent or the client is gone. */
  constructor(request: RestRequest, onEnd: () => void) {
    this.#request = request;
    this.#onEnd = onEnd;
    const { deps, options } = request.context;
    this.#commit = deps.clock.after(options.commitMs, () => this.open());
    request.res.once('close', this.#onClose);
    if (request.res.destroyed) this.#onClose();
  }

  /** Commits the stream now. */
  open(): void {
    this.#begin()?.comment();
  }

  /** Sends an event. False when the client reads too slowly. */
  send(event: RestEvent, data: Buffer): boolean {
    return this.#begin()?.send({ event, data }) ?? true;
  }

  onceDrained(run: () => void): void {
    if (this.#stream === undefined) run();
    else this.#stream.onceDrained(run);
  }

  /** Sends the last event and ends; a problem that comes first is a response of its own. */
  finish({ kind, status, body, headers }: Written): void {
    if (this.#isOver) return;
    if (this.#stream === undefined && kind === 'problem') {
      sendBody(this.#request, status, body, headers);
      this.#end();
    } else this.#begin()?.end('ended', { event: EVENTS[kind], data: body });
  }

  #begin(): EventStream | undefined {
    const { res } = this.#request;
    if (this.#isOver || (this.#stream === undefined && (res.destroyed || res.headersSent))) return undefined;
    if (this.#stream === undefined) {
      this.#commit.clear();
      res.off('close', this.#onClose);
      this.#stream = new EventStream({
        arrival: this.#request,
        kind: 'rest',
        owner: undefined,
        sessionId: undefined,
        onEnd: () => this.#end(),
      });
    }
    return this.#stream;
  }

  readonly #onClose = (): void => this.#end();

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#commit.clear();
    this.#request.res.off('close', this.#onClose);
    this.#onEnd();
  }
}

const EVENTS = { result: 'result', input: 'input-required', problem: 'error' } as const;
