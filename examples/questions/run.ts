// An old server talks with a new client, and a new server with an old client: node examples/questions/run.ts

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { startBreakwater } from '../support/start.ts';
import { startYoungPilot } from './young-pilot.ts';

const CAPTAIN = { ship: 'Nutshell', metres: 6 };
let asked = 0;

console.log('I. An old server, a new client\n');
const harbour = await startBreakwater([
  '--port',
  '0',
  '--',
  'node',
  join(import.meta.dirname, 'old-harbour-master.ts'),
]);
const young = new NewClient(
  { name: 'captain', version: '1.0.0' },
  { capabilities: { elicitation: {} }, versionNegotiation: { mode: { pin: '2026-07-28' } } },
);
young.setRequestHandler('elicitation/create', ({ params }) => answer('harbour master, 2025', params));
await young.connect(new NewTransport(new URL(harbour.url)));
const moored = await young.callTool({ name: 'moor' });
tell('harbour master, 2025', textOf(moored));
assert.equal(textOf(moored), 'Berth 7 for the Nutshell. Mind the seagulls.');
await young.close();
assert.equal(await harbour.stop(), 0);

console.log('\nII. A new server, an old client\n');
const pilot = await startYoungPilot();
const sea = await startBreakwater(['--port', '0', '--upstream', pilot.url]);
const old = new OldClient({ name: 'captain', version: '1.0.0' }, { capabilities: { elicitation: {} } });
old.setRequestHandler(ElicitRequestSchema, ({ params }) => answer('pilot, 2026', params));
const transport = new OldTransport(new URL(sea.url));
// SDK v1 was not compiled with exactOptionalPropertyTypes.
await old.connect(transport as Transport);
const entered = await old.callTool({ name: 'enter' });
tell('pilot, 2026', textOf(entered));
assert.equal(textOf(entered), 'Come on in.');
await transport.terminateSession();
await old.close();
assert.equal(await sea.stop(), 0);
pilot.close();

assert.equal(asked, 3);
console.log('\nstopped; nobody noticed that they do not speak the same language');

function answer(who: string, params: object) {
  asked++;
  const { message, requestedSchema } = params as {
    message: string;
    requestedSchema: { properties: Record<string, unknown> };
  };
  tell(who, message);
  const fields = Object.keys(requestedSchema.properties);
  const content = Object.fromEntries(Object.entries(CAPTAIN).filter(([name]) => fields.includes(name)));
  tell('captain', Object.values(content).join(', '));
  return { action: 'accept' as const, content };
}

function tell(who: string, words: string): void {
  console.log(`${who.padStart(22)}  ${words}`);
}

function textOf(result: object): string {
  const { content } = result as { content: { text: string }[] };
  return content[0]?.text ?? '';
}
