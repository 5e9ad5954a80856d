// A legacy stdio server of a few tools, without an SDK so that it starts fast, or START_MS later. What it does outlives it in the file named by EFFECTS, a line
// each.

import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: { readonly content?: { readonly name?: string }; readonly action?: string };
}

const file = process.env['EFFECTS'] ?? '';
const waiting = new Map<string, (answer: Message) => void>();
let asked = 0;

note(`start ${process.pid}`);
createInterface({ input: process.stdin }).on('line', (line) => void take(JSON.parse(line) as Message));
process.stdin.on('end', () => process.exit(0));

async function take(message: Message): Promise<unknown> {
  const { id, method, params = {} } = message;
  if (method === undefined) return waiting.get(String(id))?.(message);
  if (method === 'notifications/cancelled') return note(`cancelled ${String(params['requestId'])}`);
  if (id === undefined) return;
  if (method === 'initialize') {
    const serverInfo = { name: 'tools', version: '1' };
    await new Promise((resolve) => setTimeout(resolve, Number(process.env['START_MS'] ?? 0)));
    const capabilities = { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} };
    return say({
      id,
      result: { protocolVersion: '2025-11-25', capabilities, serverInfo, instructions: 'Use the tools.' },
    });
  }
  if (method === 'resources/subscribe' || method === 'resources/unsubscribe') {
    note(`${method} ${String(params['uri'])}`);
    return say({ id, result: {} });
  }
  if (method !== 'tools/call') return say({ id, error: { code: -32601, message: 'Method not found' } });
  const args = (params['arguments'] ?? {}) as Readonly<Record<string, unknown>>;
  const text = await run(String(params['name']), args, id);
  say({ id, result: { content: [{ type: 'text', text }], big: 12345678901234567890n } });
}

async function run(name: string, args: Readonly<Record<string, unknown>>, id: number | string): Promise<string> {
  switch (name) {
    case 'pid':
      return String(process.pid);
    case 'work':
      note(`begin ${String(args['id'])} ${process.pid}`);
      await new Promise((resolve) => setTimeout(resolve, Number(args['ms'])));
      note(`end ${String(args['id'])} ${process.pid}`);
      return 'done';
    case 'ask':
      return await ask();
    case 'ask-and-flood':
      return `${await ask()} ${await flood(Number(args['count']), Number(args['bytes']))}`;
    case 'flood':
      return await flood(Number(args['count']), Number(args['bytes']));
    case 'change':
      say({ method: 'notifications/tools/list_changed' });
      say({ method: 'notifications/resources/updated', params: { uri: 'test://a' } });
      return 'changed';
    case 'crash':
      return process.exit(1);
    default:
      return `no tool ${name} for ${id}`;
  }
}

async function ask(): Promise<string> {
  const id = `q${++asked}`;
  const answered = new Promise<Message>((resolve) => waiting.set(id, resolve));
  const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } };
  say({ id, method: 'elicitation/create', params: { message: 'Name?', requestedSchema } });
  const { result } = await answered;
  return result?.content?.name ?? result?.action ?? 'an error';
}

// Waits for its reader, and says in the file how far it came.
async function flood(count: number, bytes: number): Promise<string> {
  const data = 'x'.repeat(bytes);
  for (let sent = 1; sent <= count; sent++) {
    const isReady = say({ method: 'notifications/message', params: { level: 'info', data, sent } });
    if (sent % 10 === 0) note(`sent ${sent}`);
    if (!isReady) await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
  return 'sent all';
}

function say(message: object): boolean {
  const text = JSON.stringify({ jsonrpc: '2.0', ...message }, (_key, value: unknown) =>
    typeof value === 'bigint' ? `BIG${value}BIG` : value,
  );
  return process.stdout.write(`${text.replace(/"BIG(\d+)BIG"/g, '$1')}\n`);
}

function note(line: string): void {
  appendFileSync(file, `${line}\n`);
}
