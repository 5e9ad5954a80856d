import { connect, type Socket } from 'node:net';
import { LegacySession } from '../loads/legacy-session.ts';

/** Opens sessions over a few connections and leaves them; returns their ids, newest last. The connections are closed again. */
export async function openSessions(url: string, count: number, connections = 32): Promise<readonly string[]> {
  const ids: string[] = [];
  let left = count;
  const work = async (): Promise<void> => {
    const client = new LegacySession(new URL(url));
    while (left-- > 0) {
      await client.initialize();
      await client.confirm();
      if (client.sessionId !== undefined) ids.push(client.sessionId);
    }
    client.abandon();
  };
  await Promise.all(Array.from({ length: Math.min(connections, count) }, work));
  return ids;
}

/** True when the session still answers. */
export async function isAlive(url: string, sessionId: string): Promise<boolean> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...HEADERS, 'mcp-session-id': sessionId },
    body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  });
  await response.arrayBuffer();
  return response.status === 200;
}

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' } as const;

/** Opens the GET stream of each session and resolves when all have sent their head. */
export async function openStreams(
  url: string,
  sessionIds: readonly string[],
  parallel = 64,
): Promise<readonly Socket[]> {
  const { hostname, port, pathname } = new URL(url);
  const sockets: Socket[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      const id = sessionIds[next++];
      if (id === undefined) return;
      sockets.push(await openStream({ hostname, port, pathname, id }));
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return sockets;
}

function openStream(to: { hostname: string; port: string; pathname: string; id: string }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to.hostname, port: Number(to.port) });
    // Also later: the process at the other end is stopped when it was measured.
    socket.on('error', reject);
    socket.once('data', (head: Buffer) => {
      if (head.toString('latin1', 9, 12) === '200') resolve(socket.resume());
      else reject(new Error(`no stream: ${head.toString('latin1', 0, 200)}`));
    });
    socket.write(
      `GET ${to.pathname} HTTP/1.1\r\nhost: ${to.hostname}:${to.port}\r\naccept: text/event-stream\r\nmcp-session-id: ${to.id}\r\n\r\n`,
    );
  });
}
