import { parseAnswers, type RawAnswer } from './answers.ts';
import { type Exchanged, exchange } from './raw-client.ts';
import type { Target } from './target.ts';

/** Throws where what came back breaks a rule of the gateway: no hang, no 500, every error a JSON body. */
export function judge(request: Buffer, result: Exchanged): readonly RawAnswer[] {
  if (result.end === 'hung') throw new Error('neither an answer nor an end of the connection');
  if (result.end === 'dropped') return [];
  // What came last may be cut by the reader, which stops when it has seen enough.
  const answers = parseAnswers(result.received, request.subarray(0, 5).toString('latin1') === 'HEAD ');
  for (const answer of answers) judgeAnswer(answer, request);
  return answers;
}

function judgeAnswer({ status, headers, body, complete }: RawAnswer, request: Buffer): void {
  if (status >= 500 && status !== 503) throw new Error(`status ${status}: ${body.slice(0, 300)}`);
  if (status < 400 || request.subarray(0, 5).toString('latin1') === 'HEAD ') return;
  const type = headers.get('content-type');
  if (type !== 'application/json') throw new Error(`an error of type ${type}: ${status} ${body.slice(0, 300)}`);
  if (!complete) return;
  const value: unknown = JSON.parse(body);
  if (typeof value !== 'object' || value === null || !('error' in value))
    throw new Error(`no error in ${body.slice(0, 300)}`);
}

const OK = { slices: [], after: 'wait' } as const;

/** Throws unless the gateway lives: health answers, a legacy and a modern request work. */
export async function checkAlive({ port, faults }: Target): Promise<void> {
  const health = await ask(port, 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  if (health.status !== 200) throw new Error(`health says ${health.status}`);
  const envelope =
    '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}';
  const params = '"name":"echo","arguments":{"text":"still here"}';
  const legacy = await ask(port, postOf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${params}}}`, []));
  const modern = await ask(
    port,
    postOf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${params},"_meta":{${envelope}}}}`, [
      'MCP-Protocol-Version: 2026-07-28',
      'Mcp-Method: tools/call',
      'Mcp-Name: echo',
    ]),
  );
  for (const answer of [legacy, modern]) {
    if (answer.status !== 200 || !answer.body.includes('still here')) {
      throw new Error(`a valid request got ${answer.status} ${answer.body.slice(0, 300)}`);
    }
  }
  const [fault] = faults;
  if (fault !== undefined)
    throw new Error(`the gateway reported a fault of its own: ${JSON.stringify(fault, showErrors)}`);
}

/** Throws unless everything that belonged to connections has been given back. */
export async function checkReleased({ app }: Target): Promise<void> {
  const until = Date.now() + 10_000;
  for (;;) {
    const { stream, subscription } = app.counters.open;
    if (stream === 0 && subscription <= app.counters.open.session) return;
    if (Date.now() > until) throw new Error(`left open: ${JSON.stringify(app.counters.open)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Opens a legacy session and returns its id. */
export async function openSession(port: number): Promise<string> {
  const params = '"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"fuzz","version":"1"}';
  const answer = await ask(port, postOf(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{${params}}}`, []));
  return answer.headers.get('mcp-session-id') ?? '';
}

/** A POST to `/mcp` as text. */
export function postOf(body: string, fields: readonly string[]): string {
  const own = ['Host: 127.0.0.1', 'Content-Type: application/json', 'Accept: application/json, text/event-stream'];
  return ['POST /mcp HTTP/1.1', ...own, ...fields, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');
}

async function ask(port: number, text: string): Promise<RawAnswer> {
  const result = await exchange(port, Buffer.from(text), OK);
  const [answer] = result.end === 'answered' ? parseAnswers(result.received, false) : [];
  if (answer === undefined) throw new Error(`no answer to a valid request (${result.end})`);
  return answer;
}

function showErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? { message: value.message, stack: value.stack } : value;
}
