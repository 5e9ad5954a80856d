import type { RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { renderHtml } from '../../packages/breakwater/src/doctor/report-html.ts';
import { renderJson } from '../../packages/breakwater/src/doctor/report-json.ts';
import { renderJunit } from '../../packages/breakwater/src/doctor/report-junit.ts';
import { renderSummary } from '../../packages/breakwater/src/doctor/report-table.ts';
import { examineFast } from './examine.ts';
import { listen } from './servers.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const SSE_TYPE = { 'content-type': 'text/event-stream' };

/** Whatever is asked, the result holds this. */
function answering(result: unknown, headers: Record<string, string> = JSON_TYPE): RequestListener {
  return (request, response) => {
    const chunks: Buffer[] = [];
    request
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        const [, id = 'null'] = /"id":("[^"]*"|\d+)/.exec(Buffer.concat(chunks).toString()) ?? [];
        response.writeHead(200, headers).end(`{"jsonrpc":"2.0","id":${id},"result":${JSON.stringify(result)}}`);
      });
  };
}

const ODD_TOOLS = [
  null,
  7,
  { name: null },
  { name: 'a', inputSchema: null },
  { name: 'b', annotations: { readOnlyHint: true }, inputSchema: { required: [1, 'x'], properties: [] } },
];

// A server under examination may be an enemy of the examiner: whatever it sends, there must be a report.
const SERVERS: readonly (readonly [name: string, listener: RequestListener])[] = [
  ['cuts every connection', (request) => void request.socket.destroy()],
  [
    'answers in a foreign encoding',
    (_, response) => void response.writeHead(200, JSON_TYPE).end(Buffer.from([0xff, 0xfe, 0x00, 0x7b])),
  ],
  ['answers with JSON that is no object', (_, response) => void response.writeHead(200, JSON_TYPE).end('[null]')],
  [
    'lists odd tools',
    answering({ protocolVersion: '2025-06-18', capabilities: 7, tools: ODD_TOOLS, resources: 'x', prompts: {} }),
  ],
  [
    'gives an odd session id',
    answering({ protocolVersion: '9999-99-99' }, { ...JSON_TYPE, 'mcp-session-id': 'é \t ; id=1' }),
  ],
  ['redirects in circles', (_, response) => void response.writeHead(301, { location: 'http://[' }).end()],
  [
    'names an endpoint that is none',
    (_, response) => void response.writeHead(200, SSE_TYPE).end('event: endpoint\ndata: http://[\n\n'),
  ],
  [
    'names an endpoint elsewhere',
    (_, response) => void response.writeHead(200, SSE_TYPE).end('event: endpoint\ndata: http://evil.example/\n\n'),
  ],
  [
    'sends headers twice',
    (_, response) =>
      void response
        .writeHead(
          400,
          [
            ['content-type', 'application/json'],
            ['content-type', 'text/html'],
          ].flat(),
        )
        .end('{'),
  ],
  [
    'promises more than it sends',
    (_, response) =>
      void response
        .writeHead(200, { ...JSON_TYPE, 'content-length': '100' })
        .end('{}', () => response.socket?.destroy()),
  ],
];

describe('a report comes of a server that', () => {
  it.each(SERVERS)('%s', { timeout: 60_000 }, async (_, listener) => {
    await using server = await listen(listener);
    const report = await examineFast(server.url, undefined, { visitMs: 3_000 });
    expect(report.played.length + report.notPlayed.length).toBe(67);
    for (const render of [renderHtml, renderJson, renderJunit]) expect(render(report).length).toBeGreaterThan(1_000);
    expect(renderSummary(report, { color: false, columns: 100 })).toContain('Grade');
  });
});
