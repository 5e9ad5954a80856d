/** A 2025-11-25 server without sessions, without any SDK: one process that knows the questions it asked by their ids. */
import type { ServerResponse } from 'node:http';
import {
  openStream,
  type RawMessage,
  sendEvent,
  sendJson,
  startRawServer,
} from '../../upstream/http-fixtures/raw-server.ts';
import type { Journal } from './journal.ts';
import type { Served } from './serve-v1.ts';
import { KINDS, type Kind, NAME_FORM, PAGE, SAID, SAMPLING_PARAMS, textResult } from './words.ts';

const QUESTIONS: Readonly<Record<Kind, { readonly method: string; readonly params?: object }>> = {
  form: { method: 'elicitation/create', params: { mode: 'form', message: 'Name?', requestedSchema: NAME_FORM } },
  url: { method: 'elicitation/create', params: { mode: 'url', message: 'Sign in.', url: PAGE, elicitationId: 'e1' } },
  sampling: { method: 'sampling/createMessage', params: SAMPLING_PARAMS },
  roots: { method: 'roots/list' },
};

interface Answered {
  readonly action?: string;
  readonly content?: { readonly name?: unknown; readonly text?: unknown };
  readonly roots?: readonly { readonly uri: string }[];
}

/** Starts it. */
export async function serveWireSessionless(journal: Journal): Promise<Served> {
  const open = new Map<string, (answer: RawMessage) => void>();
  let asked = 0;

  async function call(message: RawMessage, response: ServerResponse): Promise<void> {
    const { name, arguments: args } = message.params as { name: string; arguments: Record<string, unknown> };
    const key = String(args['key']);
    openStream(response);
    const finish = (result: object): void => {
      sendEvent(response, { jsonrpc: '2.0', id: message.id, result });
      response.end();
    };
    if (name === 'seen') return finish(textResult(JSON.stringify(await journal.read(key, String(args['until'])))));
    const kind = KINDS.find((known) => known === name) ?? 'form';
    const id = `q${++asked}`;
    journal.note(key, 'asked');
    sendEvent(response, { jsonrpc: '2.0', id, ...QUESTIONS[kind] });
    const patience = setTimeout(
      () => {
        sendEvent(response, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
        open.get(id)?.({ error: { code: -32001, message: 'Request timed out' } });
      },
      Number(args['patienceMs'] ?? 120_000),
    );
    const answer = await new Promise<RawMessage>((resolve) => open.set(id, resolve));
    clearTimeout(patience);
    open.delete(id);
    if (answer.error !== undefined) {
      const { code, message: text } = answer.error;
      journal.note(key, `failed MCP error ${code}: ${text}`);
      return finish({ ...textResult(`MCP error ${code}: ${text}`), isError: true });
    }
    const said = read(kind, answer.result as Answered);
    journal.note(key, `got ${said}`);
    finish(textResult(said));
  }

  const server = await startRawServer(({ verb, message }, response): unknown => {
    const { id, method } = message;
    if (verb !== 'POST') return response.writeHead(405).end();
    if (method === undefined) {
      open.get(String(id))?.(message);
      return response.writeHead(202).end();
    }
    if (id === undefined) return response.writeHead(202).end();
    if (method === 'tools/call') return call(message, response);
    const result = RESULTS[method];
    if (result !== undefined) return sendJson(response, 200, { jsonrpc: '2.0', id, result });
    const error = { code: -32601, message: 'Method not found' };
    return sendJson(response, 200, { jsonrpc: '2.0', id, error });
  });
  return { url: server.url, close: async () => await server[Symbol.asyncDispose]() };
}

const RESULTS: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'wire-asker', version: '1.0.0' },
  },
  'tools/list': { tools: [...KINDS, 'seen'].map((name) => ({ name, inputSchema: { type: 'object' } })) },
};

function read(kind: Kind, { action = '', content, roots = [] }: Answered): string {
  switch (kind) {
    case 'form':
      return SAID.form(action, content?.name);
    case 'url':
      return SAID.url(action);
    case 'sampling':
      return SAID.sampling(content?.text);
    case 'roots':
      return SAID.roots(roots.map(({ uri }) => uri));
  }
}
