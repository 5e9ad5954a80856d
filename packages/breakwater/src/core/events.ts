import type { Revision } from '../protocol/revision.ts';
import type { ErrorCode } from './errors.ts';

/** One finished exchange, written once: telemetry is a fold over these. */
export interface ExchangeRecord {
  readonly id: string;
  readonly route: string;
  readonly principal: string;
  /** The caller's IP address, for the log only: it is no proof of anything and never a label. */
  readonly address?: string | undefined;
  readonly sessionId: string | undefined;
  readonly revision: Revision;
  readonly method: string;
  readonly name: string | undefined;
  readonly startedAt: number;
  readonly durationMs: number;
  /** `ok`: a result. `error`: the server answered an error. `failed`: the gateway could not bring an answer. `cancelled`. */
  readonly outcome: 'ok' | 'error' | 'failed' | 'cancelled';
  /** The gateway's own error code for `failed`. */
  readonly code: ErrorCode | undefined;
  /** True when no upstream was asked. */
  readonly edge: boolean;
  /** The upstream that answered, when one did. */
  readonly upstream: string | undefined;
  /** The handle that was asked last, when one was. */
  readonly handle?: string | undefined;
}

/** What is opened and closed in pairs: after everything ended, the ledger of these balances. */
export type ResourceKind = 'session' | 'stream' | 'subscription' | 'handle' | 'park' | 'call';

/**
 * What became of a request that was passed on. `gone`: that node was not there, nothing was sent. `lost`: it was lost before it answered. `refused`: nobody
 * could say where it is, or too many were under way.
 */
export type PassedOn = 'answered' | 'gone' | 'lost' | 'refused';

/** Everything the core reports. Emitters never wait for listeners and listeners must not throw. */
export type GatewayEvent =
  | { readonly type: 'exchange'; readonly record: ExchangeRecord }
  | {
      readonly type: 'open';
      readonly resource: ResourceKind;
      readonly id: string;
      readonly owner: string | undefined;
      readonly detail: string;
      /** The legacy session it belongs to. Its id is a credential: a fold that writes it down hashes it. */
      readonly session?: string | undefined;
      /** The stream it ends with, where that is not its owner: a listen subscription's, or that of a session of the 2024 transport. */
      readonly stream?: string | undefined;
      /** The key of the principal it was opened for. */
      readonly principal?: string | undefined;
      /** `clientInfo` as the client sent it, for a session. */
      readonly client?: Buffer | undefined;
      /** The session was opened before; this node of the fleet only got it now. */
      readonly isResumed?: boolean;
    }
  | {
      readonly type: 'close';
      readonly resource: ResourceKind;
      readonly id: string;
      readonly reason: string;
      /** What a session turned out to be (a `HostKind`). */
      readonly detail?: string;
    }
  /** An accommodation was used; `id` is from the closed table of accommodations, never caller text. */
  | { readonly type: 'accommodation'; readonly id: string; readonly route: string }
  /** The gateway refused a request before it became an exchange. */
  | {
      readonly type: 'refusal';
      readonly code: ErrorCode;
      readonly route: string | undefined;
      /** The caller's IP address, for the log only: it is no proof of anything and never a label. */
      readonly address?: string | undefined;
    }
  /** One message sent to an upstream server, counted where it leaves. */
  | { readonly type: 'upstream-request'; readonly upstream: string; readonly method: string }
  /** A node of the fleet passed a whole request on to the one that can go on with it. */
  | { readonly type: 'passed-on'; readonly outcome: PassedOn }
  /** A stream that a lost node began is ended here, from what that node had written down. */
  | { readonly type: 'stream-adopted' }
  /** A call that a lost node began goes on here, as its client has not answered yet. */
  | { readonly type: 'call-adopted' }
  /** A node of the fleet is gone without having said so. */
  | { readonly type: 'node-lost' }
  /** The store of the fleet did not do what it was asked, or nobody knows whether it did. */
  | { readonly type: 'store-failure' }
  /** Something an operator should read; `detail` may hold upstream text and is for the log only. */
  | {
      readonly type: 'notice';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly message: string;
      readonly detail?: Readonly<Record<string, unknown>>;
    };

/** Reports an event. */
export type Emit = (event: GatewayEvent) => void;
