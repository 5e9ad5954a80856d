import { connect, type Socket } from 'node:net';

/** How the flood is asked for. */
export type FloodWay = 'call' | 'get';

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' } as const;

/** Opens clients that ask for a flood, and never read it unless they are told to. Returns their sockets. */
export async function openReaders(
  url: string,
  count: number,
  { way, reads }: { readonly way: FloodWay; readonly reads: boolean },
): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  for (let index = 0; index < count; index++) {
    const session = await openSession(url);
    if (way === 'call') {
      const params = { name: 'flood', arguments: {} };
      sockets.push(send(url, 'POST', session, { jsonrpc: '2.0', id: 1, method: 'tools/call', params }));
    } else {
      sockets.push(send(url, 'GET', session, undefined));
      await post(url, session, {
        jsonrpc: '2.0',
        id: 1,
        method: 'resources/subscribe',
        params: { uri: 'flood://all' },
      });
    }
  }
  if (reads) for (const socket of sockets) socket.resume();
  return sockets;
}

async function openSession(url: string): Promise<string> {
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'slow', version: '1' } };
  const opened = await post(url, undefined, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
  const session = opened.headers.get('mcp-session-id') ?? '';
  await post(url, session, { jsonrpc: '2.0', method: 'notifications/initialized' });
  return session;
}

async function post(url: string, session: string | undefined, message: object): Promise<Response> {
  const headers = { ...HEADERS, ...(session !== undefined && { 'mcp-session-id': session }) };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(message) });
  const text = await response.text();
  if (!response.ok || text.includes('"error"')) throw new Error(`${response.status} ${text}`);
  return response;
}

function send(url: string, verb: 'POST' | 'GET', session: string, message: object | undefined): Socket {
  const { hostname, port, pathname, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) }).pause();
  socket.on('error', () => socket.destroy()); // it is cut, which is what is waited for
  const body = message === undefined ? '' : JSON.stringify(message);
  socket.write(
    `${verb} ${pathname} HTTP/1.1\r\nhost: ${host}\r\nmcp-session-id: ${session}\r\ncontent-type: application/json\r\n` +
      `accept: ${verb === 'GET' ? '' : 'application/json, '}text/event-stream\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}
