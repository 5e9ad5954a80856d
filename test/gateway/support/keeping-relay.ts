import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A relay before a server. */
export interface KeepingRelay extends AsyncDisposable {
  readonly url: string;
}

/**
 * Starts a relay that makes a 2026-07-28 server say `ttlMs` of its lists where it says 0, which forbids to keep them; it changes nothing else and
 * passes every request on.
 */
export async function startKeepingRelay(target: string, ttlMs: number): Promise<KeepingRelay> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const headers = new Headers();
      for (const [name, value] of Object.entries(request.headers)) {
        if (!HOP_HEADERS.has(name) && typeof value === 'string') headers.set(name, value);
      }
      const { method = '' } = request;
      const body = chunks.length === 0 ? null : Buffer.concat(chunks);
      try {
        const answer = await fetch(target, { method, headers, body });
        const text = (await answer.text()).replace('"ttlMs":0', `"ttlMs":${ttlMs}`);
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(text);
      } catch {
        response.destroy(); // the server is gone, and so is the test
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

const HOP_HEADERS: ReadonlySet<string> = new Set(['host', 'connection', 'content-length', 'transfer-encoding']);
