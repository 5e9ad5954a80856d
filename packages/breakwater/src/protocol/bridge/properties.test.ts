import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanObject } from '../../jsonrpc/raw.ts';
import { LISTS, type ListKind } from '../methods.ts';
import { LEGACY_REVISIONS, REVISIONS } from '../revision.ts';
import { bridgeError } from './error.ts';
import { readDiscoverResult, readInitializeResult } from './initialize.ts';
import { bridgeItem, renameItem } from './items.ts';
import { bridgeNotification } from './notification.ts';
import { bridgeParams } from './request.ts';
import { bridgeResult, passesUnchanged } from './result.ts';

const METHODS = [
  'tools/list',
  'tools/call',
  'prompts/get',
  'prompts/list',
  'resources/read',
  'completion/complete',
  'x/y',
];
const NOTIFICATIONS = ['notifications/progress', 'notifications/message', 'notifications/resources/updated', 'x/y'];
const GATEWAY = Buffer.from('{"name":"g","version":"1"}');

const revisions = fc.constantFrom(...REVISIONS);
const legacyRevisions = fc.constantFrom(...LEGACY_REVISIONS);
const methods = fc.constantFrom(...METHODS);
const kinds = fc.constantFrom(...(Object.keys(LISTS) as ListKind[]));

/** JSON text with what JSON.parse would lose: long numbers, odd exponents, white space. */
const numbers = fc.constantFrom('9007199254740993', '-0', '1e400', '1.10', '12345678901234567890', '0');
const spaces = fc.constantFrom('', ' ', '\n\t');
const words = fc.constantFrom(
  ...['content', 'type', 'text', 'audio', 'resource_link', 'data', 'uri', 'name', 'structuredContent', '_meta'],
  ...['tools', 'outputSchema', '$ref', '#', 'anyOf', 'object', 'execution', 'taskSupport', 'required', '__proto__'],
  ...['resultType', 'complete', 'ttlMs', 'messages', 'inputSchema', 'x-mcp-header', 'code', 'message', 'é\u2028"\\'],
);
const { json } = fc.letrec<{ json: string; object: string; array: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    numbers,
    fc.constantFrom('true', 'null'),
    words.map((word) => JSON.stringify(word)),
    tie('object'),
    tie('array'),
  ),
  object: fc
    .array(fc.tuple(words, tie('json'), spaces), { maxLength: 6 })
    .map((members) => `{${members.map(([key, value, s]) => `${s}${JSON.stringify(key)}:${s}${value}`).join(',')}}`),
  array: fc.array(tie('json'), { maxLength: 4 }).map((elements) => `[${elements.join(' ,')}]`),
}));
const objects = fc
  .array(fc.tuple(words, json), { maxLength: 8 })
  .map((members) => `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`);

/** Bytes that are broken in some way: cut off, spliced, or not JSON at all. */
const broken = fc.oneof(
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
  fc.tuple(objects, fc.nat()).map(([text, at]) => Buffer.from(text).subarray(0, at % (text.length + 1))),
  fc.tuple(objects, fc.nat(), fc.constantFrom('"', '{', ']', '\\', ',')).map(([text, at, noise]) => {
    const cut = at % (text.length + 1);
    return Buffer.from(text.slice(0, cut) + noise + text.slice(cut));
  }),
);

function everyBridge(
  bytes: Buffer,
  method: string,
  from: (typeof REVISIONS)[number],
  to: (typeof REVISIONS)[number],
): Buffer[] {
  const params = scanObject(bytes);
  const client = { revision: from, info: undefined, capabilities: {} };
  const leg = { revision: to, progressToken: 1, clientInfo: GATEWAY, clientCapabilities: {} };
  const result = bridgeResult({ method, result: bytes, from, to, serverInfo: GATEWAY });
  const error = bridgeError({ method, error: bytes, from, to });
  const outputs = [
    result.ok ? result.result : undefined,
    error.kind === 'error' ? error.error : error.result,
    bridgeParams({ method, params, client }, leg),
    ...(Object.keys(LISTS) as ListKind[]).flatMap((kind) => [
      bridgeItem(kind, bytes, from, to),
      params === undefined ? undefined : renameItem(kind, bytes, 'renamed "x"'),
    ]),
    ...NOTIFICATIONS.map(
      (name) =>
        bridgeNotification({ method: name, params, from, to, progressToken: '"p"', subscriptionId: '7' })?.params,
    ),
  ];
  readInitializeResult(bytes);
  readDiscoverResult(bytes);
  return outputs.filter((output) => output !== undefined);
}

describe('the bridge, whatever comes', () => {
  it('never throws on arbitrary bytes', () => {
    fc.assert(
      fc.property(broken, methods, revisions, revisions, (bytes, method, from, to) => {
        everyBridge(bytes, method, from, to);
      }),
      { numRuns: 2_000 },
    );
  });

  // Attack: nesting that overflows the stack of whoever walks it.
  it('never throws on nesting without end', () => {
    const inner = `${'{"content":['.repeat(20_000)}${']}'.repeat(20_000)}`;
    const deep = Buffer.from(
      `{"structuredContent":${inner},"content":[{"type":"text","text":"{}"}],"tools":[{"outputSchema":${inner},"inputSchema":${inner}}],"code":-32021,"message":"m","data":{"requiredCapabilities":${inner}},"_meta":${inner}}`,
    );
    for (const from of REVISIONS) {
      for (const to of REVISIONS)
        for (const method of ['tools/call', 'tools/list']) everyBridge(deep, method, from, to);
    }
  });

  it('writes JSON where it was given JSON', () => {
    fc.assert(
      fc.property(objects, methods, revisions, revisions, (text, method, from, to) => {
        for (const output of everyBridge(Buffer.from(text), method, from, to)) JSON.parse(output.toString());
      }),
      { numRuns: 2_000 },
    );
  });

  it('returns the very same result and item between equal revisions', () => {
    fc.assert(
      fc.property(objects, methods, revisions, kinds, (text, method, revision, kind) => {
        const bytes = Buffer.from(text);
        expect(bridgeResult({ method, result: bytes, from: revision, to: revision })).toEqual({
          ok: true,
          result: bytes,
        });
        expect(bridgeItem(kind, bytes, revision, revision)).toBe(bytes);
      }),
    );
  });

  it('returns the very same result where it is said to pass unchanged', () => {
    fc.assert(
      fc.property(objects, methods, revisions, revisions, (text, method, from, to) => {
        const result = Buffer.from(text);
        if (!passesUnchanged(method, from, to)) return;
        expect(bridgeResult({ method, result, from, to, serverInfo: GATEWAY })).toEqual({ ok: true, result });
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Members that no envelope rule is about; the payload is free. */
const payloads = fc
  .uniqueArray(fc.tuple(fc.constantFrom('description', 'messages', 'contents', 'x', 'nextCursor', 'é'), json), {
    selector: ([key]) => key,
  })
  .map((members) => members.map(([key, value]) => `${JSON.stringify(key)}:${value}`));

describe('there and back', () => {
  it('a legacy result that went to the modern era and back has its own bytes again', () => {
    const safe = fc.constantFrom('resources/read', 'completion/complete', 'resources/list', 'x/y');
    fc.assert(
      fc.property(payloads, safe, legacyRevisions, (members, method, revision) => {
        const result = Buffer.from(`{${members.join(',')}}`);
        const there = bridgeResult({ method, result, from: revision, to: '2026-07-28', serverInfo: GATEWAY });
        if (!there.ok) throw new Error(there.fault.message);
        const back = bridgeResult({ method, result: there.result, from: '2026-07-28', to: revision });
        if (!back.ok) throw new Error(back.fault.message);
        expect(back.result.toString()).toBe(result.toString());
      }),
    );
  });

  it('a tool result keeps its structured content, digit for digit, through the modern era', () => {
    fc.assert(
      fc.property(numbers, fc.constantFrom('2025-06-18', '2025-11-25'), (number, revision) => {
        const result = Buffer.from(`{"content":[],"structuredContent":{"n":${number}},"x":${number}}`);
        const legs = { from: revision, to: '2026-07-28' } as const;
        const there = bridgeResult({ method: 'tools/call', result, ...legs });
        if (!there.ok) throw new Error(there.fault.message);
        const back = bridgeResult({ method: 'tools/call', result: there.result, from: legs.to, to: legs.from });
        expect(back).toEqual({ ok: true, result });
      }),
    );
  });

  it('params that went to the modern era and back lose nothing but the envelope', () => {
    fc.assert(
      fc.property(payloads, legacyRevisions, (members, revision) => {
        const text = `{${members.join(',')}}`;
        const side = { info: undefined, capabilities: {} };
        const leg = { clientInfo: GATEWAY, clientCapabilities: {}, progressToken: 5, logLevel: 'debug' };
        const params = scanObject(Buffer.from(text));
        const call = { method: 'tools/call', params, client: { revision, ...side } };
        const there = bridgeParams(call, { revision: '2026-07-28', ...leg });
        if (there === undefined) throw new TypeError('a modern leg always has params');
        const again = {
          method: 'tools/call',
          params: scanObject(there),
          client: { revision: '2026-07-28', ...side },
        } as const;
        const back = bridgeParams(again, { revision, clientInfo: GATEWAY, clientCapabilities: {} });
        expect(back?.toString()).toBe(text);
      }),
    );
  });
});
