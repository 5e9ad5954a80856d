/**
 * The tools of the bench as a program on stdio, in both eras: `node bench/stdio-upstream.ts`. Written on bare streams, so that what a bridge
 * costs is not hidden behind its server. With `BENCH_COUNTS` it writes how many messages it got of each method into that file when it ends.
 */
import { writeFileSync } from 'node:fs';
import {
  CAPABILITIES,
  LEGACY_REVISION,
  LIST_RESULTS,
  MODERN_REVISION,
  REVISION_KEY,
  SERVER_INFO,
} from './upstream-bodies.ts';
import type { Message } from './upstream-replies.ts';

const MODERN_FIELDS = { resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': SERVER_INFO } };
const LISTS = new Map(Object.entries(LIST_RESULTS).map(([method, list]) => [method, JSON.stringify(list)]));
const counts = new Map<string, number>();
let rest = '';
let replies = '';

process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk: string) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) if (line !== '') receive(JSON.parse(line) as Message);
  // One write for all that came together, as a busy server should.
  if (replies !== '') process.stdout.write(replies);
  replies = '';
});
process.stdin.on('end', () => {
  const file = process.env['BENCH_COUNTS'];
  if (file !== undefined) writeFileSync(file, JSON.stringify(Object.fromEntries(counts)));
  process.exit(0);
});

function receive(message: Message): void {
  const { id, method = 'response' } = message;
  counts.set(method, (counts.get(method) ?? 0) + 1);
  if (id === undefined || message.method === undefined) return;
  const isModern = message.params?._meta?.[REVISION_KEY] !== undefined;
  const result = resultOf(method, message, isModern);
  const member =
    result === undefined ? `"error":{"code":-32601,"message":"No method ${method}"}` : `"result":${result}`;
  replies += `{"jsonrpc":"2.0","id":${JSON.stringify(id)},${member}}\n`;
}

function resultOf(method: string, { params }: Message, isModern: boolean): string | undefined {
  const legacy = LISTS.get(method) ?? legacyResultOf(method, params);
  if (method === 'server/discover' && isModern)
    return JSON.stringify({
      supportedVersions: [MODERN_REVISION],
      capabilities: CAPABILITIES,
      ...CACHED,
      ...MODERN_FIELDS,
    });
  if (legacy === undefined || !isModern) return legacy;
  const fields = LISTS.has(method) ? { ...CACHED, ...MODERN_FIELDS } : MODERN_FIELDS;
  return `${legacy.slice(0, -1)},${JSON.stringify(fields).slice(1)}`;
}

const CACHED = { ttlMs: 60_000, cacheScope: 'public' };

function legacyResultOf(method: string, params: Message['params']): string | undefined {
  switch (method) {
    case 'initialize':
      return JSON.stringify({ protocolVersion: LEGACY_REVISION, capabilities: CAPABILITIES, serverInfo: SERVER_INFO });
    case 'ping':
    case 'logging/setLevel':
      return '{}';
    case 'tools/call':
      return `{"content":[{"type":"text","text":${JSON.stringify(String(params?.arguments?.text))}}]}`;
    default:
      return undefined;
  }
}
