// A hand-written legacy stdio server that misbehaves as its argument says: node scripted-server.ts MODE [VALUE]

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

interface Incoming {
  id?: number | string;
  method?: string;
  params?: {
    name?: string;
    protocolVersion?: string;
    requestId?: number;
    uri?: string;
    level?: string;
    arguments?: Record<string, unknown>;
    _meta?: { progressToken?: number };
  };
  result?: unknown;
  error?: unknown;
}

const [, , mode = 'normal', value = ''] = process.argv;
const held: Parameters<typeof text>[0][] = [];
const questions = new Map<string, number | string>();
let isStuck = false;

process.stderr.write(`pid ${process.pid}\n`);
if (mode === 'exits-at-once') process.exit(7);
if (mode === 'deaf') {
  process.on('SIGTERM', () => process.stderr.write('ignored SIGTERM\n'));
  setInterval(() => undefined, 60_000);
}
if (mode === 'grandchild') {
  // Holds none of our pipes, as a helper in the background would.
  const helper = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], { stdio: 'ignore' });
  process.stderr.write(`helper ${helper.pid}\n`);
}
if (mode === 'flood')
  for (let line = 0; line < 5_000; line++) process.stderr.write(`noise ${line} ${'x'.repeat(2_000)}\n`);

function send(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}

function answer(id: Incoming['id'], result: unknown): void {
  send({ id, result });
}

function text(id: Incoming['id'], words: string): void {
  answer(id, { content: [{ type: 'text', text: words }] });
}

function initialize({ id, params }: Incoming): void {
  if (mode === 'strict' && params?.protocolVersion !== value) {
    send({ id, error: { code: -32602, message: 'Unsupported protocol version', data: { supported: [value] } } });
    return;
  }
  answer(id, {
    protocolVersion: mode === 'version' ? value : (params?.protocolVersion ?? value),
    capabilities: { tools: { listChanged: true }, logging: {}, resources: { subscribe: true } },
    serverInfo: { name: 'scripted', version: '1', params },
  });
}

function call({ id, params }: Incoming): void {
  const token = params?._meta?.progressToken;
  const size = Number(params?.arguments?.['size'] ?? 0);
  switch (params?.name) {
    case 'crash':
      process.exit(3);
      break;
    case 'huge':
      answer(id, { content: [{ type: 'text', text: 'x'.repeat(size) }] });
      break;
    case 'huge-id-last':
      process.stdout.write(`{"result":{"text":"${'x'.repeat(size)}"},"jsonrpc":"2.0","id":${id}}\n`);
      break;
    case 'garbage':
      process.stdout.write(
        'Listening on port 3000\n{"jsonrpc":"2.0",\n[1,2]\n\n{"jsonrpc":"2.0","id":999999,"result":{}}\n',
      );
      text(id, 'after the garbage');
      break;
    case 'big-number':
      process.stdout.write(`{"jsonrpc":"2.0","id":${id},"result":{"n":12345678901234567890,"z":1,"a":1.0}}\n`);
      break;
    case 'batch':
      process.stdout.write(
        `[{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"one"}},{"jsonrpc":"2.0","id":${id},"result":{"batch":true}}]\n`,
      );
      break;
    case 'progress':
      for (const progress of [1, 1, 0.5, 2])
        send({ method: 'notifications/progress', params: { progressToken: token, progress } });
      send({ method: 'notifications/progress', params: { progressToken: 'foreign', progress: 9 } });
      text(id, String(token));
      break;
    case 'log':
      send({
        method: 'notifications/message',
        params: { level: String(params.arguments?.['level'] ?? 'info'), data: 'hello' },
      });
      text(id, 'logged');
      break;
    case 'ask':
      questions.set(`q-${id}`, id ?? 0);
      send({
        id: `q-${id}`,
        method: String(params.arguments?.['method'] ?? 'elicitation/create'),
        params: { message: 'Who?' },
      });
      break;
    case 'ask-and-withdraw':
      send({ id: `q-${id}`, method: 'elicitation/create', params: { message: 'Who?' } });
      send({ method: 'notifications/cancelled', params: { requestId: `q-${id}` } });
      text(id, 'withdrawn');
      break;
    case 'ask-and-finish':
      questions.set(`q-${id}`, -1);
      send({ id: `q-${id}`, method: 'elicitation/create', params: { message: 'Who?' } });
      text(id, 'finished first');
      break;
    case 'ping-first':
      questions.set('ping', id ?? 0);
      send({ id: 'ping', method: 'ping' });
      break;
    case 'environment':
      text(id, JSON.stringify(process.env));
      break;
    case 'hold':
      process.stderr.write(`holding ${id}\n`);
      held.push(id);
      break;
    case 'release':
      for (const each of held.splice(0)) text(each, 'released');
      text(id, 'done');
      break;
    default:
      answer(id, { received: params, content: [] });
  }
}

function receive(line: string): void {
  const message = JSON.parse(line) as Incoming;
  if (message.method === undefined) receiveAnswer(message);
  else if (!isStuck && mode !== 'dumb') receiveMessage(message.method, message);
}

function receiveAnswer({ id, result, error }: Incoming): void {
  const waiting = questions.get(String(id));
  if (waiting === -1) process.stderr.write(`late answer ${JSON.stringify(error ?? result)}\n`);
  else if (waiting !== undefined) text(waiting, JSON.stringify(error ?? result));
}

function receiveMessage(method: string, message: Incoming): void {
  const { id, params } = message;
  switch (method) {
    case 'initialize':
      initialize(message);
      break;
    case 'notifications/initialized':
      process.stderr.write('initialized\n');
      if (mode === 'asks-at-once') send({ id: 'early', method: 'roots/list' });
      break;
    case 'notifications/cancelled':
      process.stderr.write(`cancelled ${params?.requestId}\n`);
      break;
    case 'logging/setLevel':
      process.stderr.write(`level ${params?.level}\n`);
      answer(id, {});
      break;
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      process.stderr.write(`${method} ${params?.uri}\n`);
      if (params?.uri === 'refused:') send({ id, error: { code: -32002, message: 'Resource not found' } });
      else answer(id, {});
      break;
    case 'tools/call':
      call(message);
      break;
    default:
      refuse(id);
  }
}

function refuse(id: Incoming['id']): void {
  if (mode === 'exits-on-probe') process.exit(1);
  if (mode === 'stuck-after-probe') isStuck = true;
  else if (mode === 'null-id') send({ id: null, error: { code: -32600, message: 'Not initialized' } });
  else if (mode === 'modern-only') {
    send({ id, error: { code: -32022, message: 'No', data: { supported: ['2027-01-01'] } } });
  } else if (mode !== 'silent-on-unknown') send({ id, error: { code: -32601, message: 'Method not found' } });
}

const input = createInterface({ input: process.stdin });
input.on('line', receive);
input.on('close', () => {
  if (mode === 'deaf' || mode === 'needs-sigterm') return;
  process.exit(0);
});
if (mode === 'needs-sigterm') setInterval(() => undefined, 60_000);
