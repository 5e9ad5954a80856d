import type { Reply } from './redis-link.ts';
import type { RedisAddress } from './redis-url.ts';

/** Slots that one master has, both ends included. */
export interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly master: RedisAddress;
}

/** Reads the reply to `CLUSTER SLOTS` of a node; where it leaves out the host it means its own. */
export function readSlots(reply: Reply, asked: RedisAddress): readonly SlotRange[] {
  return rows(reply).flatMap((row) => {
    const [from, to, master] = rows(row);
    const [host, port] = rows(master);
    if (typeof from !== 'number' || typeof to !== 'number' || typeof port !== 'number') return [];
    return [{ from, to, master: { host: hostOf(host, asked), port } }];
  });
}

/** Where an error reply `MOVED` or `ASK` of a node sends to. */
export function redirection(message: string, asked: RedisAddress): RedisAddress | undefined {
  const [, host, port] = /(?:MOVED|ASK) \d+ (\S*):(\d+)/.exec(message) ?? [];
  return port === undefined ? undefined : { host: host || asked.host, port: Number(port) };
}

function rows(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

/** `?` is what a node says that does not know its own name. */
function hostOf(host: Reply | undefined, asked: RedisAddress): string {
  const name = Buffer.isBuffer(host) ? host.toString() : '';
  return name === '' || name === '?' ? asked.host : name;
}
