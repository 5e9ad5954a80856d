// A server on pipes that is polite until it is called, and then writes what its arguments say.
// Run: node hostile-stdio.ts legacy|modern BASE64URL

import { createInterface } from 'node:readline';
import { handshakeResult, listResult } from './handshake.ts';

const [era, encoded = ''] = process.argv.slice(2);
const bytes = Buffer.from(encoded, 'base64url').toString('latin1');

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method } = JSON.parse(line) as { id?: unknown; method?: string };
  if (id === undefined) continue;
  const own = era === 'modern' ? 'modern' : 'legacy';
  const polite = method === 'tools/list' ? listResult(own) : handshakeResult(own, method);
  if (polite !== undefined) {
    // On a line of its own, whatever was written before.
    process.stdout.write(`\n{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${polite}}\n`);
  } else process.stdout.write(Buffer.from(bytes.replaceAll('$ID', JSON.stringify(id)), 'latin1'));
}
