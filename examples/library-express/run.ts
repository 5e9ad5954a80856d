// The gateway as Express middleware: node examples/library-express/run.ts

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createBreakwater } from 'breakwater';
import express from 'express';
import { listen } from '../support/start.ts';
import { createTideServer } from '../support/tide-server.ts';
import { tryOut } from '../support/try-out.ts';

const gateway = await createBreakwater({ upstreams: { tides: { factory: createTideServer } } });

const app = express();
// Before express.json(): the gateway reads the bodies of its own requests itself.
app.use(gateway);
app.use(express.json());
app.post('/double', (request, response) => {
  response.json({ double: 2 * request.body.number });
});

const server = createServer(app);
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
