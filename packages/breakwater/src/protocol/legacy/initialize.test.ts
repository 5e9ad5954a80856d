import { describe, expect, it } from 'vitest';
import { scanObject } from '../../jsonrpc/raw.ts';
import { readInitialize } from './initialize.ts';

function read(params: string | undefined) {
  return readInitialize(params === undefined ? undefined : scanObject(Buffer.from(params)));
}

describe('readInitialize', () => {
  it('reads a complete request and keeps clientInfo byte for byte', () => {
    const read_ = read(
      '{"protocolVersion":"2025-06-18","capabilities":{"roots":{}},"clientInfo":{ "name":"c", "build":9007199254740993 },"x":1}',
    );
    expect(read_).toMatchObject({
      ok: true,
      value: { asked: '2025-06-18', revision: '2025-06-18', capabilities: { roots: {} } },
    });
    expect(read_.ok && read_.value.info?.toString()).toBe('{ "name":"c", "build":9007199254740993 }');
  });

  it.each([undefined, '{}', '{"protocolVersion":null,"clientInfo":null,"capabilities":null}'])(
    'takes what is missing for neutral: %s',
    (params) => {
      expect(read(params)).toEqual({
        ok: true,
        value: { asked: undefined, revision: '2025-11-25', info: undefined, capabilities: {} },
      });
    },
  );

  it.each([
    ['2024-11-05', '2024-11-05'],
    ['2024-10-07', '2024-11-05'],
    ['2026-07-28', '2025-11-25'],
    ['1.0.0', '2025-11-25'],
  ])('answers %s with %s', (asked, revision) => {
    expect(read(JSON.stringify({ protocolVersion: asked }))).toMatchObject({ ok: true, value: { asked, revision } });
  });

  it.each([
    ['{"protocolVersion":20250618}', 'protocolVersion'],
    ['{"clientInfo":"curl"}', 'clientInfo'],
    ['{"clientInfo":[]}', 'clientInfo'],
    ['{"capabilities":["roots"]}', 'capabilities'],
  ])('tells which member has the wrong type: %s', (params, key) => {
    expect(read(params)).toMatchObject({ ok: false, fault: { rpc: -32602, http: 400, data: { key } } });
  });
});
