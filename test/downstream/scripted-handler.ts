import { type ErrorCode, GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type { Exchange } from '../../packages/breakwater/src/core/exchange.ts';
import type { ExchangeHandler, Reply } from '../../packages/breakwater/src/core/ports.ts';
import { findMember, memberBytes, scanObject } from '../../packages/breakwater/src/jsonrpc/raw.ts';

/** An exchange that a test holds in its hands. */
export interface HeldExchange {
  readonly exchange: Exchange;
  readonly reply: Reply;
  /** Set once the client cancelled. */
  cancelled: string | undefined;
  /** Sends a progress notification; false when the client is behind. */
  progress(value: number, padding?: string): boolean;
  /** Answers with this result. */
  finish(result?: string): void;
}

/**
 * Runs exchanges as their tool name says: `echo` answers the arguments' own bytes, `stream` sends two notifications first, `fail:<code>` and
 * `rpc:<code>` answer errors, and `hold` waits for the test. Every other method answers `{"method":…}`.
 */
export class ScriptedHandler implements ExchangeHandler {
  nodeOf: NonNullable<ExchangeHandler['nodeOf']> = () => undefined;
  /** Every exchange that was started, in order. */
  readonly seen: Exchange[] = [];
  readonly held: HeldExchange[] = [];
  #waiting: ((held: HeldExchange) => void)[] = [];

  handle(exchange: Exchange, reply: Reply): (reason: string) => void {
    this.seen.push(exchange);
    const held = hold(exchange, reply);
    const name = exchange.method === 'tools/call' ? (exchange.name ?? '') : '';
    if (name === 'hold') this.#keep(held);
    else if (name === 'throw') throw new Error('a bug in the handler');
    else if (name === 'stream') {
      held.progress(1);
      held.progress(2);
      held.finish();
    } else if (name.startsWith('fail:')) {
      reply.done({ kind: 'failed', error: new GatewayError(name.slice(5) as ErrorCode) });
    } else if (name.startsWith('rpc:')) {
      const error = Buffer.from(`{"code":${name.slice(4)},"message":"from the server"}`);
      reply.done({ kind: 'error', revision: exchange.client.revision, error });
    } else if (name === 'echo') held.finish(`{"echo":${argumentsOf(exchange)}}`);
    else held.finish(JSON.stringify({ method: exchange.method }));
    return (reason) => {
      held.cancelled = reason;
    };
  }

  /** The next exchange that is held, or the oldest one that nobody took. */
  next(): Promise<HeldExchange> {
    const first = this.held.shift();
    if (first !== undefined) return Promise.resolve(first);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Finishes what is still held, so that a test can end. */
  finishAll(): void {
    for (const held of this.held) held.finish();
  }

  #keep(held: HeldExchange): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.held.push(held);
    else waiting(held);
  }
}

function hold(exchange: Exchange, reply: Reply): HeldExchange {
  const { revision } = exchange.client;
  return {
    exchange,
    reply,
    cancelled: undefined,
    progress: (value, padding = '') => {
      // The upstream's own token, which no client must ever see.
      const params = scanObject(
        Buffer.from(JSON.stringify({ progressToken: 'upstream', progress: value, message: padding })),
      );
      return reply.notify({ method: 'notifications/progress', params, revision });
    },
    finish: (result = '{"content":[]}') => reply.done({ kind: 'result', revision, result: Buffer.from(result) }),
  };
}

function argumentsOf({ params }: Exchange): string {
  const member = params === undefined ? undefined : findMember(params, 'arguments');
  return params === undefined || member === undefined ? 'null' : memberBytes(params, member).toString();
}
