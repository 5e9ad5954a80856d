import { HttpConnection } from '../http-connection.ts';

/** How long requests took, in ms. */
export interface MoveTimes {
  readonly p50: number;
  readonly p99: number;
}

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

/**
 * Sends each session's next request to a node that has not got it, one after the other over one connection, and then one more, which finds it
 * there. Throws when one is not answered.
 */
export async function timeMoves(
  url: string,
  sessionIds: readonly string[],
): Promise<{ readonly first: MoveTimes; readonly next: MoveTimes }> {
  const connection = new HttpConnection(new URL(url));
  const [first, next]: [number[], number[]] = [[], []];
  const ping = async (id: string): Promise<number> => {
    const startedMs = performance.now();
    const { status } = await connection.exchange(writePing(new URL(url), id));
    if (status !== 200) throw new Error(`a session was answered ${status} on the other node`);
    return performance.now() - startedMs;
  };
  for (const id of sessionIds) {
    first.push(await ping(id));
    next.push(await ping(id));
  }
  connection.close();
  return { first: timesOf(first), next: timesOf(next) };
}

function writePing({ pathname, host }: URL, id: string): string {
  return (
    `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\nmcp-session-id: ${id}\r\ncontent-type: application/json\r\n` +
    `accept: application/json, text/event-stream\r\ncontent-length: ${PING.length}\r\n\r\n${PING}`
  );
}

function timesOf(values: readonly number[]): MoveTimes {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const rounded = (ms: number): number => Math.round(ms * 1_000) / 1_000;
  return { p50: rounded(at(0.5)), p99: rounded(at(0.99)) };
}
