import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { callModern } from '../requirements/support/clients.ts';
import { startGateway } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { modernScript } from '../requirements/support/scripted-eras.ts';

// The server goes away behind an open handle: nobody is to wait for it, and it is found again by one request at a time.
test('a server that is gone is refused at once with a hint, and found again when it is back', async () => {
  const script = modernScript();
  let server = serve(script);
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  await using gateway = await startGateway({
    upstreams: { one: { url: `http://127.0.0.1:${port}/mcp`, era: 'modern' } },
  });
  const call = () => callModern(gateway.url, 'tools/call', { name: 'act' });
  expect(at((await call()).json(), 'result')).toBeDefined();

  await stop(server);
  const reasons: unknown[] = [];
  for (let index = 0; index < 5; index++) reasons.push(at((await call()).json(), 'error', 'data', 'reason'));
  expect(new Set(reasons)).toEqual(new Set(['upstream.unavailable']));
  const refused = (await call()).json();
  expect(at(refused, 'error', 'data', 'reason')).toBe('upstream.unavailable');
  expect(at(refused, 'error', 'data', 'retryAfterMs')).toBeGreaterThan(0);

  server = serve(script);
  await listen(server, port);
  await expect.poll(async () => at((await call()).json(), 'result'), { timeout: 30_000, interval: 500 }).toBeDefined();
  await gateway.close();
  await stop(server);
});

function serve(script: ReturnType<typeof modernScript>): Server {
  return createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method: verb = '', url: path = '', headers, rawHeaders } = request;
      const body = Buffer.concat(chunks).toString();
      const message = body === '' ? undefined : (JSON.parse(body) as Record<string, unknown>);
      script({ verb, path, headers, rawHeaders, body, message }, response);
    });
  });
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
