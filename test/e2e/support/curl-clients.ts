import { runProgram } from './programs.ts';
import type { Members, TestClient } from './test-client.ts';

const LEGACY = '2025-11-25';
const MODERN = '2026-07-28';
const FORMS = ['Content-Type: application/json', 'Accept: application/json, text/event-stream'];

/** What curl printed of one answer. */
interface CurlAnswer {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** curl in a 2025 session: initialize, initialized, requests, DELETE. */
export async function connectCurlLegacy(url: string): Promise<TestClient> {
  const params = { protocolVersion: LEGACY, capabilities: {}, clientInfo: { name: 'curl', version: '1' } };
  const opened = await curl(url, FORMS, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
  readResult(opened);
  const session = /^mcp-session-id: *(\S+)/im.exec(opened.headers)?.[1];
  if (session === undefined) throw new Error(`initialize gave no session: ${opened.headers}`);
  const headers = [...FORMS, `MCP-Protocol-Version: ${LEGACY}`, `Mcp-Session-Id: ${session}`];
  const told = await curl(url, headers, { jsonrpc: '2.0', method: 'notifications/initialized' });
  if (told.status !== 202) throw new Error(`initialized was answered with ${told.status} ${told.body}`);
  let id = 0;
  return {
    ask: async (method, asked = {}) => {
      id += 1;
      return readResult(await curl(url, headers, { jsonrpc: '2.0', id, method, params: asked }));
    },
    close: async () => {
      const ended = await runCurl([...headers.flatMap((header) => ['-H', header]), '-X', 'DELETE', url]);
      if (ended.status !== 204 && ended.status !== 200) throw new Error(`DELETE was answered with ${ended.status}`);
    },
  };
}

/** curl as a client of 2026-07-28: every request says everything. */
export async function connectCurlModern(url: string): Promise<TestClient> {
  const ask = async (method: string, params: Members = {}): Promise<Members> => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': MODERN,
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'curl', version: '1' },
    };
    const named = params['uri'] ?? params['name'];
    const headers = [...FORMS, `MCP-Protocol-Version: ${MODERN}`, `Mcp-Method: ${method}`];
    if (named !== undefined) headers.push(`Mcp-Name: ${named}`);
    return readResult(await curl(url, headers, { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }));
  };
  await ask('server/discover');
  return { ask, close: async () => undefined };
}

/**
 * curl in the hands of somebody in a hurry: no session, no version, no Accept. The media type is not optional: what a browser sends to a
 * foreign site without asking it (a form, plain text) must never be a message.
 */
export async function connectCurlBare(url: string): Promise<TestClient> {
  return {
    ask: async (method, params = {}) =>
      readResult(await curl(url, ['Content-Type: application/json'], { jsonrpc: '2.0', id: 1, method, params })),
    close: async () => undefined,
  };
}

function curl(url: string, headers: readonly string[], message: unknown): Promise<CurlAnswer> {
  const args = [...headers.flatMap((header) => ['-H', header]), '--data-binary', '@-', url];
  return runCurl(args, JSON.stringify(message));
}

async function runCurl(args: readonly string[], input?: string): Promise<CurlAnswer> {
  const { code, stdout, stderr } = await runProgram('curl', ['-sS', '-i', '--max-time', '60', ...args], {
    ...(input === undefined ? {} : { input }),
  });
  if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
  const end = stdout.indexOf('\r\n\r\n');
  const headers = stdout.slice(0, end);
  return { status: Number(headers.split(' ', 2)[1]), headers, body: stdout.slice(end + 4) };
}

/** The result in a JSON body or in the last event of a stream; throws an error response. */
function readResult({ headers, body, status }: CurlAnswer): Members {
  const isStream = /^content-type: *text\/event-stream/im.test(headers);
  const text = isStream
    ? body
        .split('\n')
        .findLast((line) => line.startsWith('data:'))
        ?.slice('data:'.length)
    : body;
  const message = JSON.parse(text ?? '') as { readonly result?: Members; readonly error?: unknown };
  if (message.result === undefined) throw new Error(`${status} ${JSON.stringify(message.error)}`);
  return message.result;
}
