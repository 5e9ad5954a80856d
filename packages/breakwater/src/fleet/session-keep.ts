import type { KeptSession, SessionKeep } from '../core/fleet.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { type KeyRing, openBytes, sealBytes } from '../core/seal.ts';
import type { Store } from '../core/store.ts';
import { isObject } from '../protocol/capabilities.ts';
import { isLegacyRevision } from '../protocol/revision.ts';
import { leaseName } from './ownership.ts';

/** What sessions are kept with. */
export interface StoredSessionsOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Seals the records: a session id is a credential. */
  readonly ring: KeyRing;
}

const KEEP_MS = 3_600_000;
const TOUCH_MS = 600_000;

/** Sessions at HTTP servers, kept in the store beside the leases of their handles. Losing one costs a handshake, so nothing here is worth an error. */
export class StoredSessions implements SessionKeep {
  readonly #options: StoredSessionsOptions;
  readonly #ours = new Set<string>();
  #timer: Timer | undefined;

  constructor(options: StoredSessionsOptions) {
    this.#options = options;
  }

  async load(upstream: string, key: string): Promise<KeptSession | undefined> {
    const name = recordName(upstream, key);
    try {
      const sealed = (await this.#options.store.read(name))?.get('session');
      const plain = sealed === undefined ? undefined : openBytes(this.#options.ring, sealed, name);
      return plain === undefined ? undefined : readSession(plain);
    } catch {
      return undefined; // a fresh session is as good
    }
  }

  save(upstream: string, key: string, session: KeptSession): void {
    const { store, ring } = this.#options;
    const name = recordName(upstream, key);
    this.#ours.add(name);
    this.#schedule();
    const sealed = sealBytes(ring, writeSession(session), name);
    store.write(name, { session: sealed }, KEEP_MS).catch(() => undefined);
  }

  drop(upstream: string, key: string): void {
    const name = recordName(upstream, key);
    if (this.#ours.delete(name)) this.#options.store.remove(name).catch(() => undefined);
  }

  leave(upstream: string, key: string): void {
    this.#ours.delete(recordName(upstream, key));
  }

  close(): void {
    this.#ours.clear();
    this.#timer?.clear();
  }

  #schedule(): void {
    this.#timer ??= this.#options.clock.after(TOUCH_MS, () => {
      this.#timer = undefined;
      for (const name of this.#ours) this.#options.store.touch(name, KEEP_MS).catch(() => undefined);
      if (this.#ours.size > 0) this.#schedule();
    });
  }
}

function recordName(upstream: string, key: string): string {
  return `${leaseName(upstream, key)}:s`;
}

function writeSession({ id, revision, server, url }: KeptSession): Buffer {
  const { info, capabilities, instructions } = server;
  return Buffer.from(JSON.stringify({ id, revision, url, info: info.toString(), capabilities, instructions }));
}

function readSession(plain: Buffer): KeptSession | undefined {
  const value: unknown = JSON.parse(plain.toString());
  if (!isObject(value)) return undefined;
  const { id, revision, url, info, capabilities, instructions } = value;
  if (typeof id !== 'string' || typeof url !== 'string' || typeof info !== 'string') return undefined;
  if (!isLegacyRevision(revision) || !isObject(capabilities)) return undefined;
  const said = typeof instructions === 'string' ? instructions : undefined;
  return { id, revision, url, server: { info: Buffer.from(info), capabilities, instructions: said } };
}
