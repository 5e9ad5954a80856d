// Your own MCP server, in your own process, for every client: node examples/library-node-http/run.ts

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createBreakwater } from 'breakwater';
import { listen } from '../support/start.ts';
import { createTideServer } from '../support/tide-server.ts';
import { tryOut } from '../support/try-out.ts';

const gateway = await createBreakwater({ upstreams: { tides: { factory: createTideServer } } });

// What is not the gateway's comes back to you.
const server = createServer((request, response) => {
  gateway(request, response, () => response.end('the rest of my site\n'));
});
const base = await listen(server);
console.log(`listening on ${base}/mcp`);

await tryOut(`${base}/mcp`, { name: 'tide', arguments: { hour: 3 }, text: '2 m' });

const page = await fetch(`${base}/about`);
assert.equal(await page.text(), 'the rest of my site\n');
console.log('and the rest of the site is still there');

await gateway.close();
assert.deepEqual(gateway.counters().open, { session: 0, stream: 0, subscription: 0, handle: 0, park: 0, call: 0 });
server.close();
server.closeAllConnections();
console.log('closed: nothing left open');
