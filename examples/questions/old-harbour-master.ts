// A server of the old school, on SDK v1 over stdio: it interrupts its own tool to ask, and has never heard of 2026-07-28.

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';

const mcp = new McpServer({ name: 'old-harbour-master', version: '1.0.0' });

mcp.registerTool('moor', { description: 'Finds your ship a berth, once you say who you are.' }, async () => {
  const who = await mcp.server.elicitInput({
    message: 'Ahoy! What do they call your ship?',
    requestedSchema: { type: 'object', properties: { ship: { type: 'string' } }, required: ['ship'] },
  });
  if (who.action !== 'accept') return say('Then drift on, stranger.');
  const ship = String(who.content?.['ship']);
  const berth = await mcp.server.elicitInput({
    message: `And how long is the ${ship}, in metres?`,
    requestedSchema: { type: 'object', properties: { metres: { type: 'number' } }, required: ['metres'] },
  });
  if (berth.action !== 'accept') return say(`The ${ship} may wait outside.`);
  return say(`Berth ${Number(berth.content?.['metres']) > 20 ? 1 : 7} for the ${ship}. Mind the seagulls.`);
});

await mcp.connect(new StdioServerTransport());

function say(text: string) {
  return { content: [{ type: 'text' as const, text }] };
}
