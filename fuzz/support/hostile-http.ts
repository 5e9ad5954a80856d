import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import type { HostileAnswer } from '../arbitraries/hostile.ts';
import type { Era } from './call-through.ts';
import { handshakeResult } from './handshake.ts';

/** A server made of sockets, that writes whatever it is told. */
export interface HostileHttp {
  readonly url: string;
  /** What to do from now on: be a server of this era, and answer calls (or everything) like this. */
  play(era: Era, answer: HostileAnswer): void;
  close(): Promise<void>;
}

/** Starts a hostile server on a free port. */
export async function startHostileHttp(): Promise<HostileHttp> {
  const sockets = new Set<Socket>();
  let current: { readonly era: Era; readonly answer: HostileAnswer } | undefined;

  function answer(socket: Socket, head: string, body: string): void {
    if (current === undefined) return void socket.destroy();
    const method = /"method":"([^"]+)"/.exec(body)?.[1];
    const id = /"id":("[^"]*"|[^,}]+)/.exec(body)?.[1] ?? 'null';
    const polite = current.answer.always ? undefined : handshakeResult(current.era, method);
    if (polite !== undefined) {
      const text = `{"jsonrpc":"2.0","id":${id},"result":${polite}}`;
      const session = method === 'initialize' ? 'mcp-session-id: hostile\r\n' : '';
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${session}content-length: ${text.length}\r\n\r\n${text}`,
      );
    } else if (!current.answer.always && (method?.startsWith('notifications/') === true || !head.startsWith('POST'))) {
      socket.write('HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n');
    } else {
      const { bytes, then } = current.answer;
      const marker = Buffer.from('$ID');
      const at = bytes.indexOf(marker);
      socket.write(at < 0 ? bytes : Buffer.from(bytes.toString('latin1').replaceAll('$ID', id), 'latin1'));
      if (then === 'end') socket.end();
      else if (then === 'reset') setImmediate(() => socket.resetAndDestroy());
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
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    play: (era, made) => {
      current = { era, answer: made };
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
