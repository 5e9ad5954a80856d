import fc from 'fast-check';

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'fuzz', version: '1' },
};
const INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'fuzz', version: '1' } };

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A request as its method and params; the era is that of its envelope. */
const REQUESTS: readonly (readonly [method: string, params: { readonly [key: string]: Json }])[] = [
  ['initialize', INITIALIZE],
  ['ping', {}],
  ['tools/list', {}],
  ['tools/call', { name: 'echo', arguments: { text: 'x' } }],
  ['tools/call', { name: 'slow', arguments: { steps: 2, delayMs: 1 }, _meta: { progressToken: 'p' } }],
  [
    'tools/call',
    { name: 'ask', arguments: {}, inputResponses: { answer: { action: 'accept', content: {} } }, requestState: 'x' },
  ],
  ['prompts/get', { name: 'greet', arguments: { name: 'x' } }],
  ['resources/read', { uri: 'demo://readme' }],
  ['resources/subscribe', { uri: 'demo://counter' }],
  ['completion/complete', { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'language', value: 'g' } }],
  ['logging/setLevel', { level: 'debug' }],
  ['server/discover', {}],
  ['subscriptions/listen', { notifications: { toolsListChanged: true, resourceSubscriptions: ['demo://counter'] } }],
  ['tasks/get', { taskId: 'x' }],
  ['notifications/cancelled', { requestId: 1 }],
  ['notifications/initialized', {}],
];

/** Tokens that JSON allows, or nearly so, and that programs trip over. */
const ODD_TOKENS = [
  'null',
  '1e400',
  '-1e400',
  '-0',
  '0.1e-999',
  '9007199254740993',
  '1'.repeat(400),
  '"\\ud800"',
  '"\\u0000"',
  '""',
  `"${'k'.repeat(5_000)}"`,
  '[]',
  '{}',
  '[[[[]]]]',
  '{"__proto__":{"polluted":true},"constructor":{"prototype":{}}}',
  '{"a":1,"a":2}',
  'true',
  '01',
  '+1',
  'NaN',
  'undefined',
  "'single'",
  '"unterminated',
  '',
];

const oddToken = fc.constantFrom(...ODD_TOKENS);
const token = fc.oneof({ weight: 3, arbitrary: fc.json({ maxDepth: 3 }) }, { weight: 2, arbitrary: oddToken });

const idToken = fc.oneof(
  { weight: 6, arbitrary: fc.integer().map(String) },
  { weight: 2, arbitrary: fc.string().map((text) => JSON.stringify(text)) },
  { weight: 2, arbitrary: oddToken },
);

/** One mutation of an object's text: which member it concerns, and what becomes of it. */
interface Mutation {
  readonly kind: 'replace' | 'remove' | 'double' | 'rename' | 'none';
  readonly place: number;
  readonly token: string;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constant('none' as const) },
    {
      weight: 6,
      arbitrary: fc.constantFrom('replace' as const, 'remove' as const, 'double' as const, 'rename' as const),
    },
  ),
  place: fc.nat({ max: 40 }),
  token,
});

/** Writes JSON text by hand, so that what no serialiser writes can be written: doubled members, odd tokens. */
function write(value: Json, mutations: readonly Mutation[]): string {
  let place = 0;
  const visit = (node: Json): string => {
    if (Array.isArray(node)) return `[${node.map(visit).join()}]`;
    if (typeof node !== 'object' || node === null) return JSON.stringify(node);
    const members = Object.entries(node).flatMap(([key, member]) => {
      const here = place;
      place += 1;
      const text = `${JSON.stringify(key)}:${visit(member)}`;
      const found = mutations.find((candidate) => candidate.kind !== 'none' && candidate.place === here);
      switch (found?.kind) {
        case 'replace':
          return [`${JSON.stringify(key)}:${found.token}`];
        case 'remove':
          return [];
        case 'double':
          return [text, `${JSON.stringify(key)}:${found.token}`];
        case 'rename':
          return [`${JSON.stringify(`${key}x`)}:${visit(member)}`];
        default:
          return [text];
      }
    });
    return `{${members.join()}}`;
  };
  return visit(value);
}

/** A message of either era, perhaps with some of its members changed, and the headers that were right before. */
export interface FuzzedMessage {
  readonly text: string;
  readonly modern: boolean;
  readonly method: string;
  readonly name: string | undefined;
}

/** Messages that are nearly right. */
export const message: fc.Arbitrary<FuzzedMessage> = fc
  .record({
    request: fc.constantFrom(...REQUESTS),
    modern: fc.boolean(),
    id: idToken,
    mutations: fc.array(mutation, { maxLength: 3 }),
  })
  .map(({ request: [method, params], modern, id, mutations }) => {
    const meta: { readonly [key: string]: Json } = modern ? { ...META, ...(params['_meta'] as object) } : {};
    const whole = { jsonrpc: '2.0', method, params: modern ? { ...params, _meta: meta } : params };
    const text = write(whole, mutations);
    const isNotification = method.startsWith('notifications/');
    const name = params['name'] ?? params['uri'];
    return {
      text: isNotification ? text : `{"id":${id},${text.slice(1)}`,
      modern,
      method,
      name: typeof name === 'string' ? name : undefined,
    };
  });

/** Bodies that are no single message: batches, towers of brackets, rubbish. */
const otherBody: fc.Arbitrary<string> = fc.oneof(
  fc.array(message, { maxLength: 5 }).map((messages) => `[${messages.map(({ text }) => text).join()}]`),
  fc.constantFrom('[[', '{"a":').chain((open) => fc.nat({ max: 3_000 }).map((depth) => open.repeat(depth))),
  fc
    .nat({ max: 3_000 })
    .map((depth) => `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`),
  fc.nat({ max: 3_000 }).map((count) => `[${'{},'.repeat(count)}{}]`),
  fc.nat({ max: 100_000 }).map((size) => `{"jsonrpc":"2.0","id":"${'i'.repeat(size)}","method":"ping"}`),
  fc.json(),
  token,
  fc.string(),
  fc.constant(''),
);

/** Changes single bytes, so that what was UTF-8 and JSON perhaps is not. */
function withBytes(text: string, edits: readonly (readonly [number, number])[], cut: number): Buffer {
  const bytes = Buffer.from(text);
  for (const [place, byte] of edits) if (bytes.length > 0) bytes[place % bytes.length] = byte;
  return cut === 0 ? bytes : bytes.subarray(0, Math.max(0, bytes.length - cut));
}

/** A request body with the message it came from, where it came from one. */
export const body: fc.Arbitrary<{ readonly bytes: Buffer; readonly message: FuzzedMessage | undefined }> = fc
  .record({
    content: fc.oneof({ weight: 5, arbitrary: message }, { weight: 2, arbitrary: otherBody }),
    edits: fc.oneof(
      { weight: 5, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }) },
    ),
    cut: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 60 }) }),
  })
  .map(({ content, edits, cut }) => {
    const made = typeof content === 'string' ? undefined : content;
    return { bytes: withBytes(made?.text ?? String(content), edits, cut), message: made };
  });
