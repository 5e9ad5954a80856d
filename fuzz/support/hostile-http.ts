import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import type { HostileAnswer } from '../arbitraries/hostile.ts';
import type { Era } from './call-through.ts';
import { handshakeResult, listResult } from './handshake.ts';

/** A server made of sockets, that writes whatever it is told. */
export interface HostileHttp extends AsyncDisposable {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts a server on a free port that is of this era, and answers calls (or everything) like this. */
export async function startHostileHttp(era: Era, hostile: HostileAnswer): Promise<HostileHttp> {
  const sockets = new Set<Socket>();

  function answer(socket: Socket, head: string, body: string): void {
    const method = /"method":"([^"]+)"/.exec(body)?.[1];
    const id = /"id":("[^"]*"|[^,}]+)/.exec(body)?.[1] ?? 'null';
    const { always, after: end } = hostile;
    // These make the gateway wait or resume, which for a list it does for longer than a test may take.
    const isEndless = end === 'silence' || /retry: 999|id: 1\n/.test(hostile.bytes.toString('latin1'));
    const isList = method === 'tools/list' && isEndless;
    const polite = isList ? listResult(era) : always ? undefined : handshakeResult(era, method);
    if (polite !== undefined) {
      const text = `{"jsonrpc":"2.0","id":${id},"result":${polite}}`;
      const session = method === 'initialize' ? 'mcp-session-id: hostile\r\n' : '';
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${session}content-length: ${text.length}\r\n\r\n${text}`,
      );
    } else if (!always && (method?.startsWith('notifications/') === true || !head.startsWith('POST'))) {
      socket.write('HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n');
    } else {
      const { bytes, after } = hostile;
      const marker = Buffer.from('$ID');
      const at = bytes.indexOf(marker);
      socket.write(at < 0 ? bytes : Buffer.from(bytes.toString('latin1').replaceAll('$ID', id), 'latin1'));
      if (after === 'end') socket.end();
      else if (after === 'reset') setImmediate(() => socket.resetAndDestroy());
    }
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    let text = '';
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk: string) => {
      text += chunk;
      for (;;) {
        const end = text.indexOf('\r\n\r\n');
        if (end < 0) return;
        const head = text.slice(0, end);
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        const body = text.slice(end + 4, end + 4 + length);
        text = text.slice(end + 4 + length);
        answer(socket, head, body);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  return { url, close, [Symbol.asyncDispose]: close };
}
