import type { Exchange } from '../../core/exchange.ts';
import type { CallNotification, Outcome, Reply } from '../../core/ports.ts';
import type { RawId } from '../../jsonrpc/id.ts';
import { editObject, scanObject } from '../../jsonrpc/raw.ts';
import { bridgeNotification } from '../../protocol/bridge/notification.ts';
import { LATEST_MODERN } from '../../protocol/revision.ts';
import { makeExchange } from '../exchange-of.ts';
import { answerOf, type RestAnswer } from './answer.ts';
import { restStatusOf } from './problem.ts';
import { REST_CLIENT, type RestRequest } from './request.ts';

/** What a running exchange tells besides its end. */
export type RestEvent = 'progress' | 'log';

/** Receives what an exchange brings. `done` is called at most once and nothing after it. */
export interface RestSink {
  /** Data is JSON. False when the caller reads too slowly and the server should pause. */
  notify(event: RestEvent, data: Buffer): boolean;
  /** Calls `run` once the caller has caught up. */
  onceDrained(run: () => void): void;
  done(answer: RestAnswer): void;
}

/** What is asked of the route. */
export interface RestAsk {
  readonly method: string;
  /** JSON bytes of the params. */
  readonly params: Buffer;
  /** Somebody listens while it runs. */
  readonly live: boolean;
}

/** The level a listener gets logs from. */
const LOG_LEVEL = 'info';
const TOKEN = '1';

/** Starts an exchange; the returned function cancels it, and then nothing more arrives at the sink. */
export function startExchange(
  request: RestRequest,
  { method, params, live }: RestAsk,
  sink: RestSink,
): (reason: string) => void {
  const message = { kind: 'request' as const, id: TOKEN as RawId, method, params: scanObject(params) };
  const exchange = makeExchange(request, message, {
    client: REST_CLIENT,
    sessionId: undefined,
    progress: live,
    logLevel: live ? LOG_LEVEL : undefined,
  });
  const reply = new RestReply(exchange, sink);
  const stop = request.context.deps.handler.handle(exchange, reply);
  return (reason) => {
    reply.abandon();
    stop(reason);
  };
}

/** Asks and waits. A caller that goes away cancels, and the answer says so. Rejects only when the gateway itself fails. */
export function ask(request: RestRequest, method: string, params: object): Promise<RestAnswer> {
  return new Promise((resolve) => {
    let stop: ((reason: string) => void) | undefined;
    const onClose = (): void => {
      stop?.('client disconnected');
      resolve(GONE);
    };
    const done = (answer: RestAnswer): void => {
      request.res.off('close', onClose);
      resolve(answer);
    };
    const sink: RestSink = { notify: () => true, onceDrained: (run) => run(), done };
    request.res.once('close', onClose);
    stop = startExchange(request, { method, params: Buffer.from(JSON.stringify(params)), live: false }, sink);
  });
}

const GONE: RestAnswer = {
  kind: 'problem',
  problem: { code: 'exchange.cancelled', status: restStatusOf('exchange.cancelled') },
};

class RestReply implements Reply {
  readonly #exchange: Exchange;
  readonly #sink: RestSink;
  #over = false;

  constructor(exchange: Exchange, sink: RestSink) {
    this.#exchange = exchange;
    this.#sink = sink;
  }

  notify({ method, params, revision: from }: CallNotification): boolean {
    const event = EVENTS.get(method);
    if (this.#over || event === undefined) return true;
    const bridged = bridgeNotification({ method, params, from, to: LATEST_MODERN, progressToken: TOKEN });
    const object = bridged?.params === undefined ? undefined : scanObject(bridged.params);
    if (object === undefined) return true;
    return this.#sink.notify(event, editObject(object, { progressToken: undefined, _meta: undefined }));
  }

  done(outcome: Outcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#sink.done(answerOf(outcome, this.#exchange));
  }

  onDrain(run: () => void): void {
    this.#sink.onceDrained(run);
  }

  ask(): undefined {
    // A caller of the modern form is asked by a result, never by a request.
    return undefined;
  }

  tell(): void {
    // What is told beside an exchange has no reader here.
  }

  abandon(): void {
    this.#over = true;
  }
}

const EVENTS: ReadonlyMap<string, RestEvent> = new Map([
  ['notifications/progress', 'progress'],
  ['notifications/message', 'log'],
]);
