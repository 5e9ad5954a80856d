// The gateway in a Hono application on Node: node examples/library-hono/run.ts

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { createBreakwater } from 'breakwater';
import { Hono } from 'hono';
import { listen } from '../support/start.ts';
import { createTideServer } from '../support/tide-server.ts';
import { tryOut } from '../support/try-out.ts';

const gateway = await createBreakwater({ upstreams: { tides: { factory: createTideServer } } });

const app = new Hono<{ Bindings: HttpBindings }>();
for (const path of ['/mcp', '/mcp/*', '/sse', '/messages', '/messages/']) {
  app.all(path, ({ env }) => {
    // The gateway answers on Node's own response, and Hono is told that there is nothing to do.
    gateway(env.incoming, env.outgoing);
    return RESPONSE_ALREADY_SENT;
  });
}
app.post('/double', async (context) => {
  const { number } = await context.req.json<{ number: number }>();
  return context.json({ double: 2 * number });
});

const server = createServer(getRequestListener(app.fetch));
const base = await listen(server);
console.log(`listening on ${base}/mcp`);

await tryOut(`${base}/mcp`, { name: 'tide', arguments: { hour: 3 }, text: '2 m' });

const headers = { 'content-type': 'application/json' };
const doubled = await fetch(`${base}/double`, { method: 'POST', headers, body: '{"number":21}' });
assert.deepEqual(await doubled.json(), { double: 42 });
console.log('and the other routes still get their bodies');

await gateway.close();
assert.deepEqual(gateway.counters().open, { session: 0, stream: 0, subscription: 0, handle: 0, park: 0, call: 0 });
server.close();
server.closeAllConnections();
console.log('closed: nothing left open');
