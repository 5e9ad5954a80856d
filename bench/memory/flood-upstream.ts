/**
 * A legacy server that pushes 1 MB/s whether anybody reads or not: in answer to `tools/call`, and on its GET stream for a subscribed
 * `flood://` resource. Its tool `hold` begins to answer and never ends. Its own memory is not the question.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { announce } from '../announce.ts';

const CHUNK_BYTES = 50_000;
const EVERY_MS = 50;
const PAD = 'x'.repeat(CHUNK_BYTES);
const CAPABILITIES = { tools: {}, logging: {}, resources: { subscribe: true } };
const INFO = { name: 'flood', version: '1.0.0' };

interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: { readonly uri?: string; readonly name?: string };
}

const subscribed = new Map<string, string>();

// A proxy may open more connections at once than the system's default lets wait.
const BACKLOG = 1_024;

const server = createServer({ keepAliveTimeout: 120_000 }, (req, res) => {
  if (req.method === 'GET') return flood(res, () => updateOf(subscribed.get(sessionOf(req))));
  if (req.method !== 'POST') return void res.writeHead(200).end();
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => answer(req, res, JSON.parse(Buffer.concat(chunks).toString()) as Message));
});

function answer(req: IncomingMessage, res: ServerResponse, { id, method, params }: Message): void {
  const reply = (result: object): void => {
    const body = JSON.stringify({ jsonrpc: '2.0', id, result });
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) });
    res.end(body);
  };
  switch (method) {
    case 'initialize':
      res.setHeader('mcp-session-id', randomUUID());
      return reply({ protocolVersion: '2025-06-18', capabilities: CAPABILITIES, serverInfo: INFO });
    case 'tools/list':
      return reply({ tools: ['flood', 'hold'].map((name) => ({ name, inputSchema: { type: 'object' } })) });
    case 'resources/list':
      return reply({ resources: ['flood://all', 'quiet://all'].map((uri) => ({ uri, name: uri })) });
    case 'resources/subscribe':
      subscribed.set(sessionOf(req), params?.uri ?? '');
      return reply({});
    case 'tools/call':
      if (params?.name === 'hold') return begin(res, notification('notifications/message', { level: 'info', data: 1 }));
      return flood(res, () => notification('notifications/message', { level: 'info', data: PAD }));
    default:
      if (id === undefined) res.writeHead(202, { 'content-length': '0' }).end();
      else reply({ resources: [], resourceTemplates: [], prompts: [] });
  }
}

function updateOf(uri: string | undefined): string | undefined {
  return uri?.startsWith('flood:') !== true
    ? undefined
    : notification('notifications/resources/updated', { uri, _meta: { pad: PAD } });
}

function notification(method: string, params: object): string {
  return `data: ${JSON.stringify({ jsonrpc: '2.0', method, params })}\n\n`;
}

function begin(res: ServerResponse, first = ': open\n\n'): void {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  res.write(first);
}

function flood(res: ServerResponse, event: () => string | undefined): void {
  begin(res);
  const timer = setInterval(() => {
    const text = event();
    if (text !== undefined) res.write(text);
  }, EVERY_MS);
  res.once('close', () => clearInterval(timer));
}

function sessionOf(req: IncomingMessage): string {
  return String(req.headers['mcp-session-id']);
}

server.listen(0, '127.0.0.1', BACKLOG, () =>
  announce(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`),
);
