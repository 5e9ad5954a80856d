// A legacy stdio server whose tool `eat` keeps so many MiB and tells its pid: node eater.ts
import { createInterface } from 'node:readline';

interface Incoming {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly protocolVersion?: string; readonly arguments?: { readonly mib?: number } };
}

const eaten: Buffer[] = [];

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line) as Incoming;
  if (id === undefined) return;
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...answer(method, params) })}\n`);
});

function answer(method: string | undefined, params: Incoming['params']): object {
  if (method === 'initialize') {
    const serverInfo = { name: 'eater', version: '1' };
    return { result: { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo } };
  }
  if (method !== 'tools/call') return { error: { code: -32601, message: 'no such method' } };
  eaten.push(Buffer.alloc((params?.arguments?.mib ?? 0) * 2 ** 20, 1));
  return { result: { content: [{ type: 'text', text: String(process.pid) }] } };
}
