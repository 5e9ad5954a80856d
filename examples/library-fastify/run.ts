// The gateway as a Fastify plugin: node examples/library-fastify/run.ts

import assert from 'node:assert/strict';
import { createBreakwater } from 'breakwater';
import { type FastifyInstance, fastify } from 'fastify';
import { createTideServer } from '../support/tide-server.ts';
import { tryOut } from '../support/try-out.ts';

const gateway = await createBreakwater({ upstreams: { tides: { factory: createTideServer } } });

async function mcp(scope: FastifyInstance): Promise<void> {
  // Within this plugin nobody reads the body but the gateway.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
  for (const path of ['/mcp', '/mcp/*', '/sse', '/messages', '/messages/']) {
    scope.all(path, (request, reply) => {
      // From here on Fastify keeps its hands off the response.
      reply.hijack();
      gateway(request.raw, reply.raw);
    });
  }
  scope.addHook('onClose', () => gateway.close());
}

const app = fastify({ forceCloseConnections: true });
await app.register(mcp);
app.post<{ Body: { number: number } }>('/double', ({ body }) => ({ double: 2 * body.number }));

const base = await app.listen({ port: 0, host: '127.0.0.1' });
console.log(`listening on ${base}/mcp`);

await tryOut(`${base}/mcp`, { name: 'tide', arguments: { hour: 3 }, text: '2 m' });

const headers = { 'content-type': 'application/json' };
const doubled = await fetch(`${base}/double`, { method: 'POST', headers, body: '{"number":21}' });
assert.deepEqual(await doubled.json(), { double: 42 });
console.log('and the other routes still get their bodies');

await app.close();
assert.deepEqual(gateway.counters().open, { session: 0, stream: 0, subscription: 0, handle: 0, park: 0, call: 0 });
console.log('closed: nothing left open');
