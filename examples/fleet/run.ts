// Redis, three nodes and HAProxy on this machine; one node is killed, and the session goes on: node examples/fleet/run.ts

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { startBreakwater } from '../support/start.ts';
import { findFreePort, startSystemProgram } from './system-program.ts';

const folder = await mkdtemp(join(tmpdir(), 'breakwater-example-'));

const redisPort = await findFreePort();
const redis = await startSystemProgram('redis-server', redisPort, [
  ...['--port', String(redisPort), '--bind', '127.0.0.1'],
  ...['--save', '', '--dir', folder],
]);
console.log(`Redis is at 127.0.0.1:${redisPort}`);

const config = join(import.meta.dirname, 'breakwater.yaml');
const env = {
  STORE: `redis://127.0.0.1:${redisPort}`,
  SECRET: randomBytes(48).toString('base64'),
  MEMORY_FILE: join(folder, 'memory.jsonl'),
  // One of the nodes will be missed by the others, and they would say so.
  LOG_LEVEL: 'silent',
};
const start = () => startBreakwater(['serve', '-c', config, '--port', '0'], env);
const nodes = [await start(), await start(), await start()] as const;
for (const { url } of nodes) console.log(`a node is at ${url}`);

const port = await findFreePort();
const balancer = await startSystemProgram('haproxy', port, ['-db', '-f', await writeBalancer(port)]);
const url = `http://127.0.0.1:${port}/mcp`;
console.log(`HAProxy gives each connection to the next node: ${url}`);

// A client of 2025 with one session.
const client = new Client({ name: 'example', version: '1.0.0' }, { versionNegotiation: { mode: 'legacy' } });
const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
const genoa = { name: 'Genoa', entityType: 'harbour', observations: ['has a lighthouse'] };
await client.callTool({ name: 'create_entities', arguments: { entities: [genoa] } });
const session = transport.sessionId ?? '';
for (const node of nodes) assert.equal(await pingAt(node.url, session), 200);
console.log('it opened a session; every node knows it');

await nodes[0].kill();
assert.deepEqual(await search(), { entities: [genoa], relations: [] });
assert.equal(transport.sessionId, session);
console.log('one node was killed; the same session found the harbour again');

await nodes[1].kill();
assert.deepEqual(await search(), { entities: [genoa], relations: [] });
assert.equal(transport.sessionId, session);
console.log('another one was killed, and still it goes on');

await transport.terminateSession();
await client.close();
assert.equal(await nodes[2].stop(), 0);
await balancer.stop();
await redis.stop();
await rm(folder, { recursive: true });
console.log('stopped');

/** Reading can be repeated, so a call that met the dying node is. */
async function search(): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    try {
      const found = await client.callTool({ name: 'search_nodes', arguments: { query: 'lighthouse' } });
      return found.structuredContent;
    } catch (error) {
      if (attempt === 20) throw error;
      await wait(500);
    }
  }
}

async function pingAt(node: string, sessionId: string): Promise<number> {
  const response = await fetch(node, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': sessionId,
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  });
  await response.arrayBuffer();
  return response.status;
}

/** The file of deploy/, with the ports of this run. */
async function writeBalancer(listenPort: number): Promise<string> {
  let text = await readFile(join(import.meta.dirname, '../../deploy/haproxy/fleet.cfg'), 'utf8');
  text = text.replace('127.0.0.1:8080', `127.0.0.1:${listenPort}`);
  for (const [at, written] of ['127.0.0.1:8808', '127.0.0.1:8818', '127.0.0.1:8828'].entries()) {
    text = text.replace(written, new URL(nodes[at]?.url ?? '').host);
  }
  const file = join(folder, 'haproxy.cfg');
  await writeFile(file, text);
  return file;
}
