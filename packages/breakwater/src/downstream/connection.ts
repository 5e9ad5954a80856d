import type { IncomingMessage } from 'node:http';
import { type Caller, type Connection, readCaller } from '../wire/forwarded.ts';

/** The connection of a request as its socket alone tells it. */
export function directConnection({ socket }: IncomingMessage): Connection {
  const isEncrypted = 'encrypted' in socket && socket.encrypted === true;
  return {
    peer: socket.remoteAddress,
    protocol: isEncrypted ? 'https' : 'http',
    isUnnamed: false,
    httpsPort: undefined,
  };
}

/** The caller where no proxy is listed. */
export function directCaller(request: IncomingMessage): Caller {
  return readCaller(directConnection(request), request.headers, { family: 'x-forwarded', isTrusted: () => false });
}
