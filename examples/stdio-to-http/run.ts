// A program that speaks MCP on stdin and stdout becomes a URL: node examples/stdio-to-http/run.ts
// In a shell: breakwater -- npx -y @modelcontextprotocol/server-everything

import assert from 'node:assert/strict';
import { startBreakwater } from '../support/start.ts';
import { tryOut } from '../support/try-out.ts';

const program = await startBreakwater(['--port', '0', '--', 'npx', '-y', '@modelcontextprotocol/server-everything']);
console.log(`the stdio server is at ${program.url}`);

await tryOut(program.url, { name: 'get-sum', arguments: { a: 2, b: 40 }, text: 'The sum of 2 and 40 is 42.' });

assert.equal(await program.stop(), 0);
console.log('stopped, and the server with it');
