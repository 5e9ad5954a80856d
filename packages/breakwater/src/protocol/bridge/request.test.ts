import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanObject } from '../../jsonrpc/raw.ts';
import type { JsonObject } from '../capabilities.ts';
import { META } from '../meta.ts';
import { REVISIONS, type Revision } from '../revision.ts';
import { bridgeParams } from './request.ts';

const GATEWAY = Buffer.from('{"name":"breakwater","version":"1"}');

function bridge(text: string | undefined, from: Revision, to: Revision, progressToken?: number): string | undefined {
  const params = text === undefined ? undefined : scanObject(Buffer.from(text));
  const client = { revision: from, info: undefined, capabilities: {} };
  const leg = { revision: to, progressToken, clientInfo: GATEWAY, clientCapabilities: {} };
  return bridgeParams({ method: 'tools/call', params, client }, leg)?.toString();
}

describe('bridgeParams', () => {
  it('has none for none on a legacy leg, and a _meta alone for a token', () => {
    expect(bridge(undefined, '2025-06-18', '2025-11-25')).toBeUndefined();
    expect(bridge(undefined, '2025-06-18', '2025-11-25', 9)).toBe('{"_meta":{"progressToken":9}}');
  });

  it('shares memory with the message where nothing changes', () => {
    const message = Buffer.from('{"params": {"name":"x", "n":1e400} }');
    const params = scanObject(message, 11);
    const client = { revision: '2025-06-18', info: undefined, capabilities: {} } as const;
    const leg = { revision: '2025-06-18', clientInfo: GATEWAY, clientCapabilities: {} } as const;
    const bytes = bridgeParams({ method: 'tools/call', params, client }, leg);
    expect(bytes?.toString()).toBe('{"name":"x", "n":1e400}');
    expect(bytes?.buffer).toBe(message.buffer);
  });

  it('replaces a _meta that is no object where the leg needs one', () => {
    expect(JSON.parse(bridge('{"_meta":null}', '2025-11-25', '2026-07-28') ?? '')._meta).toBeTypeOf('object');
    expect(bridge('{"_meta":null}', '2025-11-25', '2025-06-18')).toBe('{"_meta":null}');
  });

  // Attack: two `_meta` members; the gateway reads one and the server believes the other, which claims capabilities or a token of its own.
  it('writes a repeated _meta once', () => {
    for (const to of REVISIONS) {
      const twice =
        '{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"sampling":{}},"progressToken":1},"_meta":{"k":1}}';
      const bytes = bridge(twice, '2025-11-25', to) ?? '';
      expect(bytes.split('"_meta"')).toHaveLength(2);
      expect(bytes).not.toContain('sampling');
      expect(bytes).not.toContain('progressToken');
    }
  });

  // Attack: a reserved key spelled with an escape slips past a comparison of bytes.
  it('knows a reserved key however it is spelled', () => {
    const spelled = '{"_meta":{"io.modelcontextprotocol\\u002fclientInfo":{"name":"admin"},"progress\\u0054oken":1}}';
    for (const to of REVISIONS) {
      const bytes = bridge(spelled, '2025-11-25', to) ?? '';
      expect(bytes).not.toContain('admin');
      expect(JSON.parse(bytes)._meta?.progressToken).toBeUndefined();
    }
  });

  it('says of each leg what is this leg’s, whatever it said before for the same client', () => {
    const client = { revision: '2026-07-28', info: undefined, capabilities: { sampling: {} } } as const;
    const declared = { sampling: {} };
    const other = {};
    const write = (text: string, leg: Partial<Parameters<typeof bridgeParams>[1]>) => {
      const params = scanObject(Buffer.from(text));
      const to = { revision: '2026-07-28', clientInfo: GATEWAY, clientCapabilities: declared, ...leg } as const;
      return JSON.parse(bridgeParams({ method: 'tools/call', params, client }, to)?.toString() ?? '')._meta;
    };
    const plain = write('{"name":"x"}', {});
    expect(write('{"name":"y"}', {})).toEqual(plain);
    expect(write('{"_meta":{"k":1}}', {})).toEqual({ ...plain, k: 1 });
    expect(write('{"name":"x"}', { logLevel: 'debug' })['io.modelcontextprotocol/logLevel']).toBe('debug');
    expect(write('{"name":"x"}', {})).toEqual(plain);
    const info = Buffer.from('{"name":"another","version":"1"}');
    expect(write('{"name":"x"}', { clientInfo: info })['io.modelcontextprotocol/clientInfo'].name).toBe('another');
    expect(write('{"name":"x"}', { clientCapabilities: other })['io.modelcontextprotocol/clientCapabilities']).toEqual(
      {},
    );
    expect(write('{"name":"x"}', { progressToken: 5 }).progressToken).toBe(5);
    expect(write('{"name":"x"}', {})).toEqual(plain);
  });

  it('passes the bytes of a modern client on as they are where its envelope says what the leg says', () => {
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'c', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const message = Buffer.from(JSON.stringify({ params: { name: 'x', _meta: meta } }));
    const params = scanObject(message, 10);
    const capabilities = {};
    const client = { revision: '2026-07-28', info: undefined, capabilities } as const;
    const clientInfo = Buffer.from(JSON.stringify(meta['io.modelcontextprotocol/clientInfo']));
    const to = { revision: '2026-07-28', clientInfo, clientCapabilities: capabilities } as const;
    for (const _ of [1, 2]) {
      const bytes = bridgeParams({ method: 'tools/call', params, client }, to);
      expect(bytes?.buffer).toBe(message.buffer);
    }
  });
});

describe('a request with a progress token', () => {
  const capabilities = { sampling: {} };
  const meta = fc
    .array(
      fc.constantFrom(
        '"a":1',
        '"é":"é"',
        '"progressToken":1',
        '"progressToken":"t"',
        '"progressToken" : 2',
        '"progress\\u0054oken":3',
        `"${META.protocolVersion}":"2026-07-28"`,
        `"${META.clientCapabilities}":{}`,
        `"${META.clientInfo}":{"name":"x","version":"1","progressToken":5}`,
        `"${META.relatedTask}":{"taskId":"t"}`,
      ),
      { maxLength: 4 },
    )
    .map((members) => `{${members.join(',')}}`);

  it('becomes what it would for a client that is seen for the first time', () => {
    const request = fc.record({
      meta: fc.oneof(meta, fc.constant('null'), fc.constant(undefined)),
      from: fc.constantFrom(...REVISIONS),
      to: fc.constantFrom(...REVISIONS),
      token: fc.option(fc.nat(), { nil: undefined }),
    });
    const write = ({ meta: text, from, to, token }: RequestOf<typeof request>, known: JsonObject) => {
      const params = scanObject(
        Buffer.from(text === undefined ? '{"name":"n"}' : `{"name":"n","_meta":${text},"z":1}`),
      );
      const client = { revision: from, info: undefined, capabilities: known };
      const leg = { revision: to, progressToken: token, clientInfo: GATEWAY, clientCapabilities: capabilities };
      return bridgeParams({ method: 'tools/call', params, client }, leg)?.toString();
    };
    fc.assert(
      fc.property(fc.array(request, { minLength: 2, maxLength: 8 }), (requests) => {
        const known = {};
        for (const one of requests) {
          const written = write(one, known);
          // Nothing is remembered of capabilities that nobody has seen.
          expect(written).toBe(write(one, {}));
          // And once more, out of memory.
          expect(write(one, known)).toBe(written);
          const own = JSON.parse(written ?? '{}')._meta?.progressToken;
          expect(own).toBe(one.meta === undefined || one.meta === 'null' ? (one.token ?? own) : one.token);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

type RequestOf<A> = A extends fc.Arbitrary<infer T> ? T : never;
