import { GatewayError } from '../core/errors.ts';
import type { SessionInit } from '../core/session.ts';
import { profileOf } from '../protocol/capabilities.ts';
import type { Initialize } from '../protocol/legacy/initialize.ts';

/** Most different clients that are remembered; beyond it each session keeps its own copy. */
const MOST_CLIENTS = 500;
/** Longest description that is worth a look-up. */
const MOST_KEY_CHARS = 4_096;
/** What one client may say of itself, in bytes of JSON: it is kept for as long as its sessions live (icons may be in it). */
const MOST_BYTES = 65_536;

/**
 * What clients say of themselves, once for all sessions that say the same: a hundred thousand sessions are of a handful of programs. Bounded,
 * because the text is the caller's.
 */
export class ClientTable {
  readonly #known = new Map<string, SessionInit['client']>();

  /** The facts of a read `initialize`. Throws `params.invalid` when it says more than a session may keep. */
  intern({ revision, info, capabilities }: Initialize): SessionInit['client'] {
    const declared = JSON.stringify(capabilities);
    if (declared.length + (info?.length ?? 0) > MOST_BYTES) {
      const message = `clientInfo and capabilities must not be longer than ${MOST_BYTES} bytes.`;
      throw new GatewayError('params.invalid', { message });
    }
    const key = `${revision}\n${declared}\n${info?.toString('latin1') ?? ''}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const client = { revision, info: copyInfo(info), capabilities, profile: profileOf(capabilities) };
    if (key.length <= MOST_KEY_CHARS && this.#known.size < MOST_CLIENTS) this.#known.set(key, client);
    return client;
  }
}

/** A copy outside the pool, for what outlives its request: the original is a slice of the whole body and would keep it for as long. */
export function copyInfo(info: Buffer | undefined): Buffer | undefined {
  return info === undefined ? undefined : Buffer.from(new Uint8Array(info).buffer);
}
