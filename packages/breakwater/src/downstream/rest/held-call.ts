import type { Timer } from '../../core/ports.ts';
import type { Written } from './deliver.ts';
import type { RestEvent } from './exchange.ts';
import { type Member, writeMembers } from './json-object.ts';

/** Who wants to hear of a held call while it runs. `over` is the last thing heard. */
export interface Watcher {
  event(event: RestEvent, data: Buffer): boolean;
  over(call: HeldCall): void;
}

/** One call that its caller does not wait for on a connection. */
export class HeldCall {
  readonly id: string;
  /** Its name in logs, which may not hold its id. */
  readonly ref: string;
  readonly route: string;
  readonly principal: string;
  /** Whose share of the room its outcome counts to. */
  readonly holder: string;
  readonly url: string;
  readonly startedAt: number;
  /** Cancels the exchange while it runs. */
  stop: ((reason: string) => void) | undefined;
  expiry: Timer | undefined;
  expiresAt: number | undefined;
  outcome: Written | undefined;
  progress: Buffer | undefined;
  readonly watchers = new Set<Watcher>();

  constructor(init: Pick<HeldCall, 'id' | 'ref' | 'route' | 'principal' | 'holder' | 'url' | 'startedAt'>) {
    this.id = init.id;
    this.ref = init.ref;
    this.route = init.route;
    this.principal = init.principal;
    this.holder = init.holder;
    this.url = init.url;
    this.startedAt = init.startedAt;
  }

  /** Its state as JSON. `result` is what the call itself would have answered. */
  describe(): Buffer {
    const { outcome, expiresAt } = this;
    const members: Member[] = [
      ['id', this.id],
      ['status', statusOf(outcome)],
      ['url', this.url],
      ['startedAt', new Date(this.startedAt).toISOString()],
      ['expiresAt', expiresAt === undefined ? undefined : new Date(expiresAt).toISOString()],
      ['progress', this.progress],
      [outcome?.kind === 'problem' ? 'error' : 'result', outcome?.body],
    ];
    return writeMembers(members);
  }
}

function statusOf(outcome: Written | undefined): 'running' | 'needs-input' | 'done' {
  if (outcome === undefined) return 'running';
  return outcome.kind === 'input' ? 'needs-input' : 'done';
}
