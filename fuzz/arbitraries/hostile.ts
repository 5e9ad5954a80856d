import fc from 'fast-check';

/** What a hostile server writes, with `$ID` where the id of the request belongs. */
export interface HostileAnswer {
  /** Shows a failed case as text. */
  readonly [fc.toStringMethod]?: () => string;
  /** Also the handshake is answered like this. */
  readonly always: boolean;
  readonly bytes: Buffer;
  /** What follows the bytes: an end in order, a reset, or nothing for ever. */
  readonly after: 'end' | 'reset' | 'silence';
}

const RESULTS = [
  '{"content":[{"type":"text","text":"fine"}],"resultType":"complete"}',
  '{"content":[{"type":"text","text":"fine"}]}',
  '{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{}}}}',
  '{"resultType":"input_required"}',
  '{"resultType":"input_required","inputRequests":7}',
  '{"resultType":7}',
  '{"content":7}',
  '{"content":[null,7,{"type":9},{"type":"text"},{}]}',
  '{"content":[],"structuredContent":[1],"_meta":7,"isError":"x"}',
  '{}',
  'null',
  '7',
  '[]',
  '"text"',
  `{"deep":${'['.repeat(2_000)}${']'.repeat(2_000)}}`,
  '{"a":1,"a":2,"content":[],"content":7}',
  '{"protocolVersion":"1999-01-01","capabilities":7,"serverInfo":null}',
  '{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"}}',
  '{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}',
  '{"supportedVersions":7}',
  '{"tools":[{"name":"act","inputSchema":7},{"name":7},null,{"name":"b","inputSchema":{"properties":{"a":{"x-mcp-header":"A"}}}}]}',
  '{"tools":{}}',
  '{"tools":[],"nextCursor":"again"}',
];

const ERRORS = [
  '{"code":-32603,"message":"no"}',
  '{"code":-32020,"message":"headers"}',
  '{"code":-32021,"message":"capability","data":7}',
  '{"code":-32022,"message":"version","data":{"supported":[7,null]}}',
  '{"code":-32042,"message":"url","data":{"elicitations":[{"url":"javascript:alert(1)"},7]}}',
  '{"code":1.5,"message":7}',
  '{"code":"x"}',
  '{}',
  'null',
  '[]',
];

const ids = fc.oneof(
  { weight: 6, arbitrary: fc.constant('$ID') },
  { weight: 1, arbitrary: fc.constantFrom('null', '"$ID"', '999', '1e400', '{}', '"stranger"') },
);

const message: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(ids, fc.constantFrom(...RESULTS)).map(([id, result]) => `{"jsonrpc":"2.0","id":${id},"result":${result}}`),
  fc.tuple(ids, fc.constantFrom(...ERRORS)).map(([id, error]) => `{"jsonrpc":"2.0","id":${id},"error":${error}}`),
  fc.tuple(ids, fc.json()).map(([id, result]) => `{"jsonrpc":"2.0","id":${id},"result":${result}}`),
  fc.constantFrom(
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":$ID,"progress":"x"}}',
    '{"jsonrpc":"2.0","method":"notifications/message","params":7}',
    '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
    '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage"}',
    '{"jsonrpc":"2.0","id":$ID,"method":"ping"}',
    '{"jsonrpc":"2.0","id":$ID,"result":{},"error":{"code":1,"message":"both"}}',
    '{"jsonrpc":"1.0","id":$ID,"result":{}}',
    '{"id":$ID}',
    '[]',
    '[{"jsonrpc":"2.0","id":$ID,"result":{}}]',
    '{"jsonrpc":"2.0","id":$ID,"resu',
    'rubbish',
    '',
    '\u0000',
    '"\\ud800"',
    `{"jsonrpc":"2.0","id":$ID,"result":{"big":"${'b'.repeat(300_000)}"}}`,
  ),
  fc.string(),
);

const head = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.1 200') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'HTTP/1.1 202 Accepted',
      'HTTP/1.1 204 No Content',
      'HTTP/1.1 301 Moved',
      'HTTP/1.1 304 Not Modified',
      'HTTP/1.1 400 Bad Request',
      'HTTP/1.1 401 Unauthorized',
      'HTTP/1.1 403 Forbidden',
      'HTTP/1.1 404 Not Found',
      'HTTP/1.1 405 Method Not Allowed',
      'HTTP/1.1 429 Too Many Requests',
      'HTTP/1.1 500 Internal Server Error',
      'HTTP/1.1 502 Bad Gateway',
      'HTTP/1.1 101 Switching Protocols',
      'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK',
      'HTTP/1.1 999 What',
      'HTTP/2 200',
      'SSH-2.0-x',
    ),
  },
);

const type = fc.constantFrom(
  'application/json',
  'application/json',
  'text/event-stream',
  'text/event-stream',
  'text/html',
  'application/json; charset=utf-16',
  '',
  ';;;',
);

const extra = fc.constantFrom(
  '',
  '',
  '',
  'content-encoding: gzip\r\n',
  'location: http://127.0.0.1:9/\r\n',
  'mcp-session-id: a b\u007f\r\n',
  `mcp-session-id: ${'s'.repeat(10_000)}\r\n`,
  `x-big: ${'x'.repeat(100_000)}\r\n`,
  'set-cookie: a=b\r\nset-cookie: c=d\r\n',
  'content-length: 3\r\n',
  'bad header\r\n',
  'retry-after: never\r\n',
);

const framing = fc.constantFrom('length', 'length', 'close', 'chunked', 'short', 'long', 'broken-chunks');

function frame(how: string, text: string): string {
  const size = Buffer.byteLength(text.replaceAll('$ID', '1'));
  switch (how) {
    case 'close':
      return `\r\n${text}`;
    case 'chunked':
      return `transfer-encoding: chunked\r\n\r\n${size.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
    case 'broken-chunks':
      return `transfer-encoding: chunked\r\n\r\nxyz\r\n${text}`;
    case 'short':
      return `content-length: ${Math.max(0, size - 3)}\r\n\r\n${text}`;
    case 'long':
      return `content-length: ${size + 3}\r\n\r\n${text}`;
    default:
      return `content-length: ${size}\r\n\r\n${text}`;
  }
}

function asBody(messages: readonly string[], isStream: boolean, separator: string): string {
  if (!isStream) return messages[0] ?? '';
  return messages.map((text) => `${separator}data: ${text.replaceAll('\n', '\ndata: ')}\n\n`).join('');
}

function show(answer: Pick<HostileAnswer, 'always' | 'bytes' | 'after'>): HostileAnswer {
  const { bytes, ...how } = answer;
  const text = (): string =>
    `${JSON.stringify(bytes.toString('latin1').slice(0, 2_000))} as latin1, ${JSON.stringify(how)}`;
  return { ...answer, [fc.toStringMethod]: text };
}

/** An HTTP answer in which something is wrong. */
export const hostileAnswer: fc.Arbitrary<HostileAnswer> = fc
  .record({
    head,
    type,
    extra,
    framing,
    messages: fc.array(message, { minLength: 1, maxLength: 4 }),
    separator: fc.constantFrom(
      '',
      'id: 1\n',
      'event: message\n',
      'event: other\n',
      ': c\n\n',
      'retry: x\n',
      'retry: 999999999\n\n',
      '\ufeff',
    ),
    raw: fc.oneof(
      { weight: 8, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    ),
    always: fc.boolean(),
    after: fc.constantFrom('end' as const, 'end' as const, 'reset' as const, 'silence' as const),
  })
  .map(({ head: line, type: media, extra: field, framing: how, messages, separator, raw, always, after }) => {
    if (raw !== undefined) return show({ always, after, bytes: Buffer.from(raw) });
    const text = asBody(messages, media === 'text/event-stream', separator);
    return show({
      always,
      after,
      bytes: Buffer.from(`${line}\r\ncontent-type: ${media}\r\n${field}${frame(how, text)}`),
    });
  });

/** Lines in which something is wrong. */
export const hostileLines: fc.Arbitrary<Buffer> = fc
  .array(fc.oneof({ weight: 6, arbitrary: message }, { weight: 1, arbitrary: fc.constant('\r\n\r\n') }), {
    maxLength: 4,
  })
  .chain((messages) =>
    fc
      .constantFrom('\n', '\r\n', '')
      .map((end) => Buffer.from(messages.map((text) => `${text.slice(0, 60_000)}${end}`).join(''))),
  );
