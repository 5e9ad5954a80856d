import fc from 'fast-check';
import type { Delivery } from '../support/raw-client.ts';
import { body, type FuzzedMessage } from './messages.ts';

/** One connection's worth of bytes. */
export interface FuzzedRequest {
  /** Shows a failed case as text. */
  readonly [fc.toStringMethod]: () => string;
  readonly bytes: Buffer;
  readonly delivery: Delivery;
}

const verb = fc.oneof(
  { weight: 12, arbitrary: fc.constant('POST') },
  { weight: 4, arbitrary: fc.constant('GET') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('DELETE', 'OPTIONS', 'HEAD', 'PUT', 'PATCH', 'TRACE', 'PRI', 'get', 'M-SEARCH'),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }) },
);

const target = fc.oneof(
  { weight: 12, arbitrary: fc.constant('/mcp') },
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      '/mcp/demo',
      '/mcp/',
      '/mcp/sse',
      '/sse',
      '/sse/',
      '/messages/',
      '/messages/?session_id=nobody',
      '/messages?session_id=%00&session_id=x',
      '/health',
      '/healthz',
      '/ready',
      '/nothing',
      '/',
      '//',
      '/mcp?a=b#c',
      '/%2e%2e/%00',
      '/mcp/../health',
      '*',
      'http://127.0.0.1/mcp',
      'http://evil.example/mcp',
      'http://[::1',
      '/favicon.ico',
      `/${'a'.repeat(9_000)}`,
    ),
  },
  { weight: 1, arbitrary: fc.string().map((text) => `/${text}`) },
);

type Field = readonly [name: string, value: string];

const oddField: fc.Arbitrary<Field> = fc.oneof(
  fc.constantFrom<Field[]>(
    ['Host', 'evil.example'],
    ['Host', ''],
    ['Origin', 'null'],
    ['Origin', 'http://localhost:1'],
    ['Accept', '*/*'],
    ['Accept', 'text/html'],
    ['Accept', 'application/json;q=0, text/event-stream;q=x'],
    ['Accept', ','.repeat(2_000)],
    ['Content-Type', 'text/plain'],
    ['Content-Type', 'application/json; charset=utf-16'],
    ['Content-Type', 'a/b/c;;;='],
    ['Content-Encoding', 'gzip'],
    ['Content-Length', '0'],
    ['Content-Length', '-1'],
    ['Content-Length', '1e3'],
    ['Content-Length', '99999999999'],
    ['Transfer-Encoding', 'chunked'],
    ['Transfer-Encoding', 'gzip, chunked'],
    ['Transfer-Encoding', 'identity'],
    ['Expect', '100-continue'],
    ['Expect', 'miracles'],
    ['Upgrade', 'websocket'],
    ['Connection', 'upgrade'],
    ['Connection', 'close'],
    ['Connection', 'keep-alive, close, x'],
    ['Mcp-Session-Id', 'undefined'],
    ['Mcp-Session-Id', 'a, b'],
    ['Mcp-Session-Id', 's'.repeat(2_000)],
    ['Last-Event-ID', 'x-1'],
    ['Last-Event-ID', '-'],
    ['MCP-Protocol-Version', '2026-07-28'],
    ['MCP-Protocol-Version', '2025-11-25'],
    ['MCP-Protocol-Version', '9999-99-99'],
    ['Mcp-Method', 'tools/call'],
    ['Mcp-Name', '=?base64?////?='],
    ['Mcp-Name', '=?base64?4pyT'],
    ['Mcp-Param-X', 'y'],
    ['Authorization', 'Bearer'],
    ['Cookie', ';;;='],
    ['X-Forwarded-For', '1.2.3.4, [::1]:x'],
    ['Bad Name', 'x'],
    ['No-Colon', '\u0000'],
    ['', 'empty'],
    ['X-Big', 'b'.repeat(20_000)],
  ),
  fc.tuple(fc.string({ maxLength: 20 }), fc.string({ maxLength: 60 })),
  fc.tuple(
    fc.constantFrom('Accept', 'Mcp-Session-Id', 'Mcp-Method', 'Mcp-Name', 'Content-Type', 'Last-Event-ID', 'Origin'),
    fc.string({ unit: 'binary', maxLength: 40 }),
  ),
);

const framing = fc.oneof(
  { weight: 10, arbitrary: fc.constant('length' as const) },
  { weight: 3, arbitrary: fc.constant('chunked' as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'short' as const,
      'long' as const,
      'none' as const,
      'broken-chunks' as const,
      'both' as const,
    ),
  },
);

const delivery: fc.Arbitrary<Delivery> = fc.record({
  slices: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 }) },
  ),
  after: fc.oneof(
    { weight: 20, arbitrary: fc.constant('wait' as const) },
    { weight: 3, arbitrary: fc.constant('half-close' as const) },
    { weight: 3, arbitrary: fc.constant('drop' as const) },
  ),
});

function show(bytes: Buffer, how: Delivery): FuzzedRequest {
  const text = (): string => `${JSON.stringify(bytes.toString('latin1'))} as latin1, ${JSON.stringify(how)}`;
  return { bytes, delivery: how, [fc.toStringMethod]: text };
}

function headersFor(message: FuzzedMessage | undefined, sessionId: string): Field[] {
  const fields: Field[] = [
    ['Host', '127.0.0.1'],
    ['Accept', 'application/json, text/event-stream'],
    ['Content-Type', 'application/json'],
  ];
  if (message?.modern === true) {
    fields.push(['MCP-Protocol-Version', '2026-07-28'], ['Mcp-Method', message.method]);
    if (message.name !== undefined) fields.push(['Mcp-Name', message.name]);
  } else if (sessionId !== '') fields.push(['Mcp-Session-Id', sessionId]);
  return fields;
}

function frame(bytes: Buffer, how: string): { readonly fields: Field[]; readonly bytes: Buffer } {
  const length = (size: number): Field => ['Content-Length', String(size)];
  const half = Math.floor(bytes.length / 2);
  const chunk = (part: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);
  const chunks = [bytes.subarray(0, half), bytes.subarray(half)].filter((part) => part.length > 0).map(chunk);
  switch (how) {
    case 'chunked':
      return {
        fields: [['Transfer-Encoding', 'chunked']],
        bytes: Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]),
      };
    case 'broken-chunks':
      return { fields: [['Transfer-Encoding', 'chunked']], bytes: Buffer.concat([Buffer.from('zz\r\n'), ...chunks]) };
    case 'both':
      return {
        fields: [length(bytes.length), ['Transfer-Encoding', 'chunked']],
        bytes: Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]),
      };
    case 'short':
      return { fields: [length(Math.max(0, bytes.length - 5))], bytes };
    case 'long':
      return { fields: [length(bytes.length + 5)], bytes };
    case 'none':
      return { fields: [], bytes };
    default:
      return { fields: [length(bytes.length)], bytes };
  }
}

/** A request to any endpoint, in which some things may be wrong. `sessionId` is that of a live session. */
export function request(sessionId: string): fc.Arbitrary<FuzzedRequest> {
  return fc
    .record({
      verb,
      target,
      body,
      framing,
      delivery,
      odd: fc.array(oddField, { maxLength: 3 }),
      dropped: fc.oneof({ weight: 5, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: fc.nat({ max: 5 }) }),
      session: fc.boolean(),
      lineEnd: fc.oneof(
        { weight: 20, arbitrary: fc.constant('\r\n') },
        { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\r\n ') },
      ),
      version: fc.oneof(
        { weight: 20, arbitrary: fc.constant('HTTP/1.1') },
        { weight: 1, arbitrary: fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/1.2', 'http/1.1', '') },
      ),
    })
    .map(
      ({
        verb: method,
        target: path,
        body: { bytes, message },
        framing: how,
        odd,
        dropped,
        session,
        lineEnd,
        version,
        delivery: given,
      }) => {
        const hasBody = method !== 'GET' && method !== 'HEAD';
        const framed = hasBody ? frame(bytes, how) : { fields: [], bytes: Buffer.alloc(0) };
        const own = headersFor(message, session ? sessionId : '').filter((_, index) => index !== dropped);
        const fields = [...own, ...framed.fields, ...odd].map(([name, value]) => `${name}: ${value}`);
        const head = [`${method} ${path} ${version}`, ...fields, '', ''].join(lineEnd);
        return show(Buffer.concat([Buffer.from(head, 'latin1'), framed.bytes]), given);
      },
    );
}

/** Bytes that are perhaps no HTTP at all, or only its beginning. */
export const rawBytes: fc.Arbitrary<FuzzedRequest> = fc
  .record({
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ unit: 'binary', minLength: 1 }).map((text) => Buffer.from(text, 'latin1')),
      fc
        .constantFrom(
          'GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n',
          'POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{"jsonrpc"',
          'POST /messages/ HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel',
          '\r\n\r\n\r\n',
          'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
          '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
          'GET / HTTP/0.9\r\n\r\n',
          'POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
          'POST /mcp HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
        )
        .map((text) => Buffer.from(text, 'latin1')),
    ),
    after: fc.constantFrom(
      'half-close' as const,
      'half-close' as const,
      'half-close' as const,
      'hold' as const,
      'drop' as const,
    ),
  })
  .map(({ bytes, after }) => show(bytes, { slices: [], after }));

/** Valid requests to be sent in one go, with how many answers they are. */
export const pipeline: fc.Arbitrary<readonly string[]> = fc.array(
  fc.constantFrom(
    'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    'GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    postOf('{"jsonrpc":"2.0","id":1,"method":"ping"}'),
    postOf('{"jsonrpc":"2.0","id":2,"method":"tools/list"}'),
    postOf('{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"}}}'),
    postOf('{"jsonrpc":"2.0","method":"notifications/initialized"}'),
    postOf('{broken'),
  ),
  { minLength: 1, maxLength: 8 },
);

function postOf(text: string): string {
  const fields = [
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    'Accept: application/json',
    `Content-Length: ${text.length}`,
  ];
  return `POST /mcp HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${text}`;
}
