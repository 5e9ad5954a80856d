import { describe, expect, it } from 'vitest';
import { scanObject } from '../../jsonrpc/raw.ts';
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
});
