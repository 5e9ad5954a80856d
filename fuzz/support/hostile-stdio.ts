// A server on pipes that is polite until it is called, and then writes what its arguments say.
// Run: node hostile-stdio.ts legacy|modern BASE64URL

import { createInterface } from 'node:readline';
import { handshakeResult } from './handshake.ts';

const [era, encoded = ''] = process.argv.slice(2);
const bytes = Buffer.from(encoded, 'base64url').toString('latin1');

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method } = JSON.parse(line) as { id?: unknown; method?: string };
  if (id === undefined) continue;
  const polite = handshakeResult(era === 'modern' ? 'modern' : 'legacy', method);
  if (polite !== undefined) process.stdout.write(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${polite}}\n`);
  else process.stdout.write(Buffer.from(bytes.replaceAll('$ID', JSON.stringify(id)), 'latin1'));
}
