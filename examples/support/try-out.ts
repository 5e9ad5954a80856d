import assert from 'node:assert/strict';
import { Client as Client2026, StreamableHTTPClientTransport as Http2026 } from '@modelcontextprotocol/client';
import { Client as Client2024 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';

/** A tool call, and the text that has to come back. */
export interface Trial {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
  readonly text: string;
}

/** Calls a tool at an endpoint as a client of 2024, of 2025 and of 2026, and fails when one of them gets something else. */
export async function tryOut(url: string, { text, ...call }: Trial): Promise<void> {
  const old = new Client2024({ name: 'try-out', version: '1.0.0' });
  await old.connect(new SSEClientTransport(new URL(`${url}/sse`)));
  report('2024, HTTP+SSE', await old.callTool(call), text);
  await old.close();

  for (const mode of ['legacy', { pin: '2026-07-28' }] as const) {
    const client = new Client2026({ name: 'try-out', version: '1.0.0' }, { versionNegotiation: { mode } });
    const transport = new Http2026(new URL(url));
    await client.connect(transport);
    const revision = client.getNegotiatedProtocolVersion();
    report(`${revision}, Streamable HTTP`, await client.callTool(call), text);
    await transport.terminateSession();
    await client.close();
  }
}

function report(who: string, result: object, wanted: string): void {
  assert.ok('content' in result);
  assert.deepEqual(result.content, [{ type: 'text', text: wanted }]);
  console.log(`a client of ${who} got: ${wanted}`);
}
