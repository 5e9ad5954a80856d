import type { RawObject } from '../jsonrpc/raw.ts';
import type { MethodTraits } from '../protocol/methods.ts';
import type { ClientFacts, Principal } from './ports.ts';

/** One request and everything until its final response, in no era: session state is re-attached, envelope members are read out. */
export interface Exchange {
  /** The gateway's own id, also in logs and error data. */
  readonly id: string;
  readonly route: string;
  readonly principal: Principal;
  /** The caller's IP address as far as it is known, for logs and limits. */
  readonly address?: string | undefined;
  readonly client: ClientFacts;
  /** The legacy session's id; undefined for modern, REST and session-less requests. */
  readonly sessionId: string | undefined;
  readonly method: string;
  readonly traits: MethodTraits | undefined;
  /** The client's params, verbatim. */
  readonly params: RawObject | undefined;
  /** The value that names what is addressed (tool name, prompt name, uri); undefined when the method has none. */
  readonly name: string | undefined;
  /** The client asked for progress on this exchange. */
  readonly progress: boolean;
  readonly logLevel: string | undefined;
  readonly startedAt: number;
}
