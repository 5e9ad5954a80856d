/** The official SDK as the judge of our headers: its server of what we send and accept, its client of what we must accept. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createMcpHandler, fromJsonSchema, McpServer, Server } from '@modelcontextprotocol/server';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { encodeJson, memberObject, type RawObject, scanObject } from '../../jsonrpc/raw.ts';
import { META } from '../meta.ts';
import { readEnvelope, validateEnvelope } from './envelope.ts';
import { type HeaderLookup, modernRequestHeaders, validateModernHeaders } from './headers.ts';
import { buildParamHeaders, compileParamHeaders, validateParamHeaders } from './param-headers.ts';

const URL_ = 'http://127.0.0.1/mcp';
const SCHEMA = {
  type: 'object',
  properties: {
    text: { type: 'string', 'x-mcp-header': 'Text' },
    count: { type: 'integer', 'x-mcp-header': 'Count' },
    deep: { type: 'object', properties: { flag: { type: 'boolean', 'x-mcp-header': 'Flag' } } },
  },
} as const;
const META_VALUE = { [META.protocolVersion]: '2026-07-28', [META.clientCapabilities]: {} };

function createServer(): McpServer {
  const server = new McpServer({ name: 'oracle', version: '1' });
  server.registerTool('mirror', { inputSchema: fromJsonSchema(SCHEMA) }, () => ({ content: [] }));
  server.registerPrompt('p', {}, () => ({ messages: [] }));
  return server;
}

const handler = createMcpHandler(createServer, { onerror: () => undefined });

function compile() {
  const compiled = compileParamHeaders(SCHEMA);
  if (!compiled.ok) throw new Error(compiled.fault.message);
  return compiled.value;
}

function scan(value: unknown): RawObject {
  const object = scanObject(encodeJson(value));
  if (object === undefined) throw new TypeError('not an object');
  return object;
}

/** What the SDK's server answers: the JSON-RPC error code, or undefined for a result. */
async function askServer(
  method: string,
  params: unknown,
  headers: Record<string, string>,
): Promise<number | undefined> {
  const response = await handler.fetch(
    new Request(URL_, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    }),
  );
  const text = await response.text();
  const json = /^data: (\{.*)$/m.exec(text)?.[1] ?? text;
  return (JSON.parse(json) as { error?: { code: number } }).error?.code;
}

/** What we would answer to the same request. */
function askUs(method: string, params: unknown, fields: Record<string, string>): number | undefined {
  const raw = scan(params);
  const headers: HeaderLookup = (name) => (fields[name] === undefined ? [] : [fields[name]]);
  const claim = readEnvelope(raw);
  if (claim.claim === 'none') throw new Error('no claim');
  const envelope = validateEnvelope(claim);
  if (!envelope.ok) return envelope.fault.rpc;
  const fault = validateModernHeaders({ headers, method, params: raw, revision: envelope.value.revision });
  if (fault !== undefined || method !== 'tools/call') return fault?.rpc;
  return validateParamHeaders(compile(), memberObject(raw, 'arguments'), headers)?.rpc;
}

function ourHeaders(method: string, params: unknown): Record<string, string> {
  const raw = scan(params);
  return {
    ...modernRequestHeaders({ revision: '2026-07-28', method, params: raw }),
    ...buildParamHeaders(compile(), memberObject(raw, 'arguments')),
  };
}

// A lone surrogate has no UTF-8 and so no header that equals it, for the SDK neither.
const oddText = fc
  .array(
    fc.oneof(
      fc.constantFrom('=?base64?', '?=', ' ', '\t', '\r\n', 'é', '42', '42.0'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    {
      maxLength: 4,
    },
  )
  .map((parts) => parts.join('').toWellFormed());
const argumentsOf = fc.record(
  {
    text: fc.oneof(oddText, fc.constant(null)),
    count: fc.oneof(fc.integer(), fc.constant(null), fc.maxSafeInteger(), fc.constantFrom(0.5, 1e-7, 'x')),
    deep: fc.record({ flag: fc.boolean() }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

describe('the SDK as oracle', () => {
  it('its server accepts the headers we compute for any arguments', async () => {
    await fc.assert(
      fc.asyncProperty(argumentsOf, async (args) => {
        // The SDK decodes without a leading U+FEFF: its own headers for such a text fail too.
        fc.pre(!(typeof args.text === 'string' && args.text.startsWith('\ufeff')));
        const params = { _meta: META_VALUE, name: 'mirror', arguments: args };
        expect(await askServer('tools/call', params, ourHeaders('tools/call', params))).not.toBe(-32020);
      }),
      { numRuns: 60 },
    );
  });

  it('its server accepts the Mcp-Name we compute for any name', async () => {
    await fc.assert(
      fc.asyncProperty(oddText, async (name) => {
        fc.pre(!name.startsWith('\ufeff'));
        const params = { _meta: META_VALUE, name };
        expect(await askServer('prompts/get', params, ourHeaders('prompts/get', params))).not.toBe(-32020);
      }),
      { numRuns: 60 },
    );
  });

  it('its server and we refuse the same requests', async () => {
    const change = fc.record({
      header: fc.constantFrom(
        'mcp-protocol-version',
        'mcp-method',
        'mcp-name',
        'mcp-param-text',
        'mcp-param-count',
        'mcp-param-flag',
        'x',
      ),
      value: fc.option(
        fc.constantFrom(
          '',
          '2026-07-28',
          '2025-11-25',
          'tools/call',
          'mirror',
          ' mirror ',
          '=?base64?bWlycm9y?=',
          '=?base64?bWlycm9?=',
          'true',
          'True',
          '7',
          '7.0',
          '07',
          '0x7',
          '7e0',
          '-7',
          '=?base64?Nw==?=',
        ),
        { nil: undefined },
      ),
    });
    const args = fc.record(
      { text: fc.constantFrom('7', 'true', ''), count: fc.constantFrom(7, -7), deep: fc.constant({ flag: true }) },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(args, change, async (values, { header, value }) => {
        const params = { _meta: META_VALUE, name: 'mirror', arguments: values };
        const { [header]: _, ...rest } = ourHeaders('tools/call', params);
        const headers = value === undefined ? rest : { ...rest, [header]: value };
        const theirs = await askServer('tools/call', params, headers);
        expect(askUs('tools/call', params, headers)).toBe(theirs === -32020 ? theirs : undefined);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    [{ [META.clientCapabilities]: undefined }],
    [{ [META.clientCapabilities]: [] }],
    [{ [META.protocolVersion]: '2030-01-01' }],
    [{ [META.protocolVersion]: 7 }],
    [{ [META.clientInfo]: { name: 'x' } }],
    [{ [META.logLevel]: 'loud' }],
    [{ progressToken: 'a', [META.logLevel]: 'debug', [META.clientInfo]: { name: 'x', version: '1' } }],
  ])('its server and we answer the envelope %j with the same code', async (change) => {
    const meta = { ...META_VALUE, ...change };
    const params = { _meta: meta, name: 'mirror' };
    const headers = { ...ourHeaders('tools/call', params), 'mcp-protocol-version': String(meta[META.protocolVersion]) };
    expect(askUs('tools/call', params, headers)).toBe(await askServer('tools/call', params, headers));
  });

  it('we accept what its client sends', async () => {
    const seen: { headers: Record<string, string>; body: { method: string; params: unknown } }[] = [];
    const client = new Client({ name: 'c', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(
      new StreamableHTTPClientTransport(new URL(URL_), {
        fetch: async (url, init) => {
          const request = new Request(url, init);
          if (typeof init?.body === 'string') {
            seen.push({
              headers: Object.fromEntries(request.headers),
              body: JSON.parse(init.body) as { method: string; params: unknown },
            });
          }
          return handler.fetch(request);
        },
      }),
    );
    await client.listTools();
    await fc.assert(
      fc.asyncProperty(argumentsOf, async (args) => {
        seen.length = 0;
        await client.callTool({ name: 'mirror', arguments: args }).catch(() => undefined);
        const [call] = seen.filter(({ body }) => body.method === 'tools/call');
        expect(call).toBeDefined();
        if (call === undefined) return;
        expect(askUs(call.body.method, call.body.params, call.headers)).toBeUndefined();
        const names = Object.keys(call.headers)
          .filter((name) => name.startsWith('mcp-'))
          .sort();
        const ours = ourHeaders(call.body.method, call.body.params);
        expect(names.map((name) => [name, call.headers[name]])).toEqual(Object.entries(ours).sort());
      }),
      { numRuns: 60 },
    );
    await client.close();
  });

  it('its client leaves out exactly the tools whose annotations we refuse', async () => {
    const annotation = fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom('A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'a') },
      { weight: 1, arbitrary: fc.constantFrom('', 'a b', 'é', 7, null) },
    );
    const type = fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom('string', 'integer', 'boolean') },
      { weight: 1, arbitrary: fc.constantFrom('number', 'object', undefined) },
    );
    const leaf = fc.record({ type, 'x-mcp-header': annotation });
    const plain = fc.record({ type });
    const { schema } = fc.letrec<{ schema: unknown; node: unknown }>((tie) => ({
      node: fc.oneof({ maxDepth: 3 }, leaf, plain, plain, tie('schema')),
      schema: fc.record(
        {
          type: fc.constant('object'),
          properties: fc.dictionary(fc.constantFrom('p', 'q', 'x-mcp-header'), tie('node')),
          items: plain,
          anyOf: fc.array(fc.oneof({ weight: 5, arbitrary: plain }, tie('node')), { maxLength: 1 }),
          $defs: fc.dictionary(
            fc.constantFrom('d', 'x-mcp-header'),
            fc.oneof({ weight: 5, arbitrary: plain }, tie('node')),
            {
              maxKeys: 1,
            },
          ),
          description: annotation,
        },
        { requiredKeys: ['type', 'properties'] },
      ),
    }));
    const good = { properties: { p: { type: 'string', 'x-mcp-header': 'P' } } };
    const schemas = [good, ...fc.sample(schema, { numRuns: 300, seed: 7 })].map((one) => ({
      ...(one as object),
      type: 'object' as const,
    }));
    const tools = schemas.map((inputSchema, i) => ({ name: `t${i}`, inputSchema }));
    const listing = createMcpHandler(() => {
      const server = new Server({ name: 'lists', version: '1' }, { capabilities: { tools: {} } });
      server.setRequestHandler('tools/list', () => ({ tools: JSON.parse(JSON.stringify(tools)) as typeof tools }));
      return server;
    });
    const client = new Client({ name: 'c', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(
      new StreamableHTTPClientTransport(new URL(URL_), { fetch: (url, init) => listing.fetch(new Request(url, init)) }),
    );
    // The SDK warns of every tool it leaves out, as the specification asks; two hundred lines of it would hide what failed.
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const listed = (await client.listTools()).tools.map((tool) => tool.name);
    expect(warn).toHaveBeenCalledTimes(tools.length - listed.length);
    warn.mockRestore();
    await client.close();
    const ours = tools.filter((tool) => compileParamHeaders(tool.inputSchema).ok).map((tool) => tool.name);
    expect(ours).toEqual(listed);
    expect(ours.length).toBeGreaterThan(10);
    expect(ours.length).toBeLessThan(tools.length - 10);
  });
});
