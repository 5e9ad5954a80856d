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

/** `get`: the session's stream; `watch`: the same, and the session watches a resource; `call`: the answer of a call that goes on. */
export type StreamWay = 'get' | 'watch' | 'call';

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hold","arguments":{}}}';
/** Who waits longer for the head of a stream waits in vain. */
const SILENCE_MS = 30_000;
const WATCH = '{"uri":"quiet://all"}';

/** Opens a stream of each session and resolves when all have sent their head. */
export async function openStreams(
  url: string,
  sessionIds: readonly string[],
  way: StreamWay = 'get',
  parallel = 64,
): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      const id = sessionIds[next++];
      if (id === undefined) return;
      sockets.push(await openStream(new URL(url), id, way));
      if (way === 'watch') await watch(url, id);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return sockets;
}

async function watch(url: string, id: string): Promise<void> {
  const body = `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":${WATCH}}`;
  const response = await fetch(url, { method: 'POST', headers: { ...HEADERS, 'mcp-session-id': id }, body });
  const text = await response.text();
  if (!response.ok || text.includes('"error"')) throw new Error(`not watched: ${response.status} ${text}`);
}

function openStream({ hostname, port, pathname }: URL, id: string, way: StreamWay): Promise<Socket> {
  const asks =
    way === 'call'
      ? { verb: 'POST', head: `content-type: application/json\r\ncontent-length: ${CALL.length}\r\n`, body: CALL }
      : { verb: 'GET', head: '', body: '' };
  const accept = way === 'call' ? HEADERS.accept : 'text/event-stream';
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    // Also later: the process at the other end is stopped when it was measured.
    socket.on('error', reject);
    socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error('no stream: silence')));
    socket.once('data', (head: Buffer) => {
      socket.setTimeout(0);
      if (head.toString('latin1', 9, 12) === '200') resolve(socket.resume());
      else reject(new Error(`no stream: ${head.toString('latin1', 0, 200)}`));
    });
    socket.write(
      `${asks.verb} ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\naccept: ${accept}\r\nmcp-session-id: ${id}\r\n${asks.head}\r\n${asks.body}`,
    );
  });
}
