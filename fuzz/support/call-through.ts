import { parseAnswers } from './answers.ts';
import { postOf } from './judge.ts';
import { exchange } from './raw-client.ts';
import type { Target } from './target.ts';

/** Who speaks which era. */
export type Era = 'legacy' | 'modern';

const META = '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}';
/** The gateway gives a list 30 s, whatever its configuration says. */
const HANG_MS = 40_000;
const UNCHECKED_BYTES = 65_536;
const DONE = { slices: [], after: 'wait' } as const;

/** Calls a tool, a list and a discovery through the gateway; throws unless each gets a JSON-RPC answer under its own id, or sees a large one break off, and no 500. */
export async function callThrough({ port, faults }: Target, client: Era): Promise<void> {
  const methods =
    client === 'legacy' ? ['tools/call', 'tools/list', 'initialize'] : ['tools/call', 'tools/list', 'server/discover'];
  for (const [index, method] of methods.entries()) {
    const id = index + 41;
    const own =
      method === 'initialize'
        ? '"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"f","version":"1"}'
        : '"name":"act"';
    const params = client === 'modern' ? `${own},"progressToken":1,"_meta":{${META},"progressToken":"p"}` : own;
    const fields = [
      'MCP-Protocol-Version: 2026-07-28',
      `Mcp-Method: ${method}`,
      ...(method === 'tools/call' ? ['Mcp-Name: act'] : []),
    ];
    // Closed after the answer, so that the end of a stream is the end of the connection.
    const close = 'Connection: close';
    const text = postOf(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{${params}}}`, [
      ...(client === 'modern' ? fields : []),
      close,
    ]);
    const result = await exchange(port, Buffer.from(text), DONE, Number.POSITIVE_INFINITY, HANG_MS);
    const [answer] = result.end === 'closed' ? parseAnswers(result.received, false) : [];
    if (answer === undefined) throw new Error(`${method}: no answer (${result.end})`);
    if (answer.status >= 500) throw new Error(`${method}: ${answer.status} ${answer.body.slice(0, 300)}`);
    // What is too large to be checked is passed on as it comes (docs/design/009): where it is broken after all, the connection is, and every client sees that.
    if (!answer.complete && answer.body.length > UNCHECKED_BYTES) continue;
    const messages = bodiesOf(answer.body, answer.headers.get('content-type')).map(
      (body) => JSON.parse(body) as object,
    );
    const responses = messages.filter(
      (message) => 'id' in message && message.id === id && ('result' in message || 'error' in message),
    );
    if (responses.length !== 1)
      throw new Error(`${method}: ${responses.length} responses in ${answer.body.slice(0, 500)}`);
  }
  const [fault] = faults;
  if (fault !== undefined)
    throw new Error(`the gateway reported a fault of its own: ${JSON.stringify(fault, showErrors)}`);
}

function bodiesOf(body: string, type: string | undefined): string[] {
  if (type !== 'text/event-stream') return [body];
  return body
    .split('\n\n')
    .map((block) =>
      block
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice('data: '.length))
        .join('\n'),
    )
    .filter((data) => data !== '');
}

function showErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? { message: value.message, stack: value.stack, cause: String(value.cause) } : value;
}
