import type { Clock } from '../core/ports.ts';

/** How an audit log is kept; see the reference of the configuration's `audit`. */
export interface AuditSettings {
  readonly file: string;
  readonly key: string;
  readonly mode: 'best-effort' | 'required';
  readonly maxBytes: number;
  readonly keepFiles: number;
  readonly exchanges: 'all' | 'forwarded';
  readonly principals: 'hashed' | 'plain';
  readonly flushMs: number;
  readonly queueBytes: number;
  readonly anchorEvery: number;
}

/** What an {@link AuditLog} works with. */
export interface AuditDeps {
  readonly clock: Clock;
  /** Names this run of the gateway in every record. */
  readonly instance: string;
  readonly version: string;
  /** Tells the operator. */
  readonly notice: (
    level: 'info' | 'warn' | 'error',
    message: string,
    detail: Readonly<Record<string, unknown>>,
  ) => void;
}

/** What the audit log says of a configuration: names, and a keyed digest that differs when anything in it does. */
export interface AuditedConfig {
  /** All of it as text; only its digest is written. */
  readonly text: string;
  readonly routes: readonly string[];
  readonly upstreams: Readonly<Record<string, string>>;
}
