// A program without any MCP library uses an MCP server, questions included: node examples/rest/run.ts

import assert from 'node:assert/strict';
import { startBreakwater } from '../support/start.ts';
import { runAgent } from './agent.ts';

const demo = await startBreakwater(['demo', '--port', '0']);
const { origin } = new URL(demo.url);

const result = await runAgent(
  `${origin}/api`,
  'ask',
  { question: 'What do they call you?' },
  (questions) =>
    Object.fromEntries(
      Object.entries(questions).map(([key, { params }]) => {
        console.log(`     server  ${(params as { message: string }).message}`);
        console.log('      agent  Nutshell');
        return [key, { action: 'accept', content: { name: 'Nutshell' } }];
      }),
    ),
  (step) => console.log(`      agent  ${step}`),
);
const [{ text } = { text: '' }] = result['content'] as { text: string }[];
console.log(`     server  ${text}`);
assert.equal(text, 'Hello Nutshell.');

assert.equal(await demo.stop(), 0);
console.log('stopped');
