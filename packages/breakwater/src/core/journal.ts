import type { Exchange } from './exchange.ts';

/** An exchange that is about to be passed on. */
export interface ExchangeStart {
  readonly exchange: Exchange;
  /** The server that will be asked, where it is one alone. */
  readonly upstream: string | undefined;
}

/** Where it is written down what servers are about to be asked. */
export interface Journal {
  /** False while nothing new may be served, because it could not be written down. */
  readonly isOpen: boolean;
  /**
   * Takes note of an exchange before a server hears of it. Undefined: it may go on at once. Otherwise it may when the promise resolves; it rejects with
   * `audit.unavailable` when it could not be written down, and then no server must hear of it.
   */
  begin(start: ExchangeStart): Promise<void> | undefined;
}
