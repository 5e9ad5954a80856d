import type { Exchange } from '../core/exchange.ts';
import type { ClientFacts } from '../core/ports.ts';
import type { RequestMessage } from '../jsonrpc/message.ts';
import { memberValue } from '../jsonrpc/raw.ts';
import { methodTraits } from '../protocol/methods.ts';
import type { Inbound } from './inbound.ts';

/** What a transport knows of a request beside its message. */
export interface ExchangeInit {
  readonly client: ClientFacts;
  readonly sessionId: string | undefined;
  readonly progress: boolean;
  readonly logLevel: string | undefined;
}

/** Ids of exchanges: unique, for logs and error data; nobody gains by guessing one, so they cost no randomness each. */
export class ExchangeIds {
  readonly #prefix: string;
  #count = 0;

  /** @param prefix tells this node and start from others. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  next(): string {
    return `${this.#prefix}-${(++this.#count).toString(36)}`;
  }
}

/** Makes the exchange of a request: session state or envelope are read out of it and re-attached. */
export function makeExchange(inbound: Inbound, message: RequestMessage, init: ExchangeInit): Exchange {
  const { deps } = inbound.context;
  const traits = methodTraits(message.method);
  const named = traits?.nameFrom;
  const name = named === undefined || message.params === undefined ? undefined : memberValue(message.params, named);
  return {
    id: inbound.context.exchangeIds.next(),
    route: inbound.route.path,
    principal: inbound.principal,
    address: inbound.caller.address,
    client: init.client,
    sessionId: init.sessionId,
    method: message.method,
    traits,
    params: message.params,
    name: typeof name === 'string' ? name : undefined,
    progress: init.progress,
    logLevel: init.logLevel,
    startedAt: deps.clock.now(),
  };
}
