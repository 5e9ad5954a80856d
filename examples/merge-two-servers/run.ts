// Two servers behind one URL, described by breakwater.yaml: node examples/merge-two-servers/run.ts

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { startBreakwater } from '../support/start.ts';

const folder = await mkdtemp(join(tmpdir(), 'breakwater-example-'));
await writeFile(join(folder, 'log.txt'), 'Wind from the south.\n');

const config = join(import.meta.dirname, 'breakwater.yaml');
const program = await startBreakwater(['serve', '-c', config, '--port', '0'], {
  FOLDER: folder,
  MEMORY_FILE: join(folder, 'memory.jsonl'),
});
console.log(`both servers are at ${program.url}`);

const both = await connect(program.url);
const names = (await both.listTools()).tools.map(({ name }) => name);
console.log(`it has ${names.length} tools, such as ${names[0]} and ${names.at(-1)}`);
assert.ok(names.includes('files__read_text_file') && names.includes('memory__create_entities'));
assert.ok(!names.includes('files__write_file'), 'this tool is disabled');

const read = await both.callTool({ name: 'files__read_text_file', arguments: { path: join(folder, 'log.txt') } });
assert.deepEqual(read.structuredContent, { content: 'Wind from the south.\n' });
const genoa = { name: 'Genoa', entityType: 'harbour', observations: ['has a lighthouse'] };
await both.callTool({ name: 'memory__create_entities', arguments: { entities: [genoa] } });
await both.close();
console.log('read a file with the one, and remembered a harbour with the other');

const memory = await connect(`${program.url}/memory`);
const found = await memory.callTool({ name: 'search_nodes', arguments: { query: 'lighthouse' } });
assert.deepEqual(found.structuredContent, { entities: [genoa], relations: [] });
await memory.close();
console.log(`found it again at ${program.url}/memory`);

assert.equal(await program.stop(), 0);
await rm(folder, { recursive: true });
console.log('stopped, and both servers with it');

async function connect(url: string): Promise<Client> {
  const client = new Client({ name: 'example', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
}
