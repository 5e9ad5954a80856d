// A server on stdin and stdout that writes down what it is sent, and misbehaves as its arguments say.
// Run: node stdio-server.ts LOG legacy|modern|silent|refusing [code]

import { appendFileSync } from 'node:fs';

const [log = '', era = 'legacy', code = '-32601'] = process.argv.slice(2);
const INFO = { name: 'stdio-server', version: '1' };
const CAPABILITIES = { tools: { listChanged: true } };
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

type Message = Readonly<Record<string, unknown>> & { readonly params?: Readonly<Record<string, unknown>> };

let initialized = false;
const listens = new Set<unknown>();

function note(entry: unknown): void {
  appendFileSync(log, `${JSON.stringify(entry)}\n`);
}

function write(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function reply(id: unknown, result: object): void {
  const modern =
    era === 'modern' ? { resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': INFO } } : {};
  write({ jsonrpc: '2.0', id, result: { ...result, ...modern } });
}

function refuse(id: unknown, errorCode: number, message: string): void {
  write({ jsonrpc: '2.0', id, error: { code: errorCode, message } });
}

function text(value: unknown): object {
  return { content: [{ type: 'text', text: String(value) }] };
}

function changeTools(): void {
  const method = 'notifications/tools/list_changed';
  if (era !== 'modern') write({ jsonrpc: '2.0', method });
  // One under an id that nobody subscribed with, which must reach nobody.
  if (era === 'modern')
    write({
      jsonrpc: '2.0',
      method: 'notifications/prompts/list_changed',
      params: { _meta: { [SUBSCRIPTION]: 'nobody' } },
    });
  for (const id of listens) write({ jsonrpc: '2.0', method, params: { _meta: { [SUBSCRIPTION]: id } } });
}

function call(id: unknown, name: unknown, args: unknown): void {
  switch (name) {
    case 'echo':
      return reply(id, text(JSON.stringify(args)));
    case 'stderr':
      process.stderr.write('ERROR: panic! everything is on fire\n'.repeat(50));
      return reply(id, text('fine'));
    case 'hang':
      return undefined;
    case 'crash':
      return process.exit(1);
    case 'rubbish':
      process.stdout.write(
        'this is not JSON\n{"jsonrpc":"2.0","id":\n\n[1,2]\n{"jsonrpc":"2.0","id":"stranger","result":{}}\n',
      );
      return reply(id, text('after all'));
    case 'change':
      changeTools();
      return reply(id, text('changed'));
    case 'pid':
      return reply(id, text(process.pid));
    default:
      return refuse(id, -32602, `Unknown tool: ${String(name)}`);
  }
}

function receive(message: Message): void {
  const { id, method, params } = message;
  if (method === 'server/discover') {
    if (era === 'silent') return undefined;
    if (era !== 'modern') return refuse(id, Number(code), 'not before initialize');
    const result = { supportedVersions: ['2026-07-28'], capabilities: CAPABILITIES, ttlMs: 0, cacheScope: 'private' };
    return reply(id, result);
  }
  if (method === 'initialize') {
    if (era === 'modern') return refuse(id, -32602, 'This server supports 2026-07-28 only');
    initialized = true;
    return reply(id, { protocolVersion: '2025-11-25', capabilities: CAPABILITIES, serverInfo: INFO });
  }
  if (id === undefined) return undefined;
  if (era !== 'modern' && !initialized) return refuse(id, Number(code), 'not before initialize');
  switch (method) {
    case 'tools/list': {
      const tools = ['echo', 'stderr', 'hang', 'crash', 'rubbish', 'change', 'pid'];
      const list = { tools: tools.map((name) => ({ name, inputSchema: { type: 'object' } })) };
      return reply(id, era === 'modern' ? { ...list, ttlMs: 0, cacheScope: 'private' } : list);
    }
    case 'tools/call':
      return call(id, params?.['name'], params?.['arguments']);
    case 'subscriptions/listen': {
      listens.add(id);
      const acknowledged = { _meta: { [SUBSCRIPTION]: id }, notifications: params?.['notifications'] };
      return write({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: acknowledged });
    }
    case 'ping':
      return reply(id, {});
    default:
      return refuse(id, -32601, 'Method not found');
  }
}

let pending = Buffer.alloc(0);
note({ start: process.pid });
process.stdin.on('data', (chunk: Buffer) => {
  pending = Buffer.concat([pending, chunk]);
  for (let end = pending.indexOf(10); end >= 0; end = pending.indexOf(10)) {
    const line = pending.subarray(0, end);
    pending = pending.subarray(end + 1);
    note({ line: line.toString('base64') });
    receive(JSON.parse(line.toString()) as Message);
  }
});
process.stdin.on('end', () => {
  note({ end: pending.length });
  // A server in the middle of something it cannot leave.
  if (era === 'silent') setInterval(() => undefined, 1_000);
});
process.on('SIGTERM', () => {
  note({ signal: 'SIGTERM' });
  process.exit(0);
});
