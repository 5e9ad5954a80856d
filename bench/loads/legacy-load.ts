import type { HttpReply } from '../http-connection.ts';
import { LegacySession } from './legacy-session.ts';
import type { Load, LoadClient } from './load.ts';

/** A load that repeats one request inside one legacy session per client. */
export interface LegacyRequestLoad extends Omit<Load, 'createClient' | 'unit'> {
  readonly method: string;
  /** Connections that a client uses in turn; one by default. */
  readonly connections?: number;
  /** JSON text of the params of the n-th request. */
  writeParams(step: number): string;
  /** Throws WrongReply unless the reply answers the n-th request. */
  check(reply: HttpReply, id: number, step: number): void;
}

/** Makes a load of one repeated request: handshake first, DELETE at the end. */
export function createLegacyLoad(options: LegacyRequestLoad): Load {
  return { ...options, unit: 'request', createClient: (url) => createClient(options, url) };
}

function createClient(options: LegacyRequestLoad, url: URL): LoadClient {
  const session = new LegacySession(url, options.connections);
  let step = 0;
  return {
    async open() {
      await session.initialize();
      await session.confirm();
    },
    async step() {
      step += 1;
      const reply = await session.request(options.method, options.writeParams(step));
      options.check(reply, session.lastId, step);
      return 1;
    },
    close: () => session.close(),
  };
}
