import {
  DiscoverResultSchema,
  InitializeRequestParamsSchema,
  InitializeResultSchema,
} from '@modelcontextprotocol/core';
import { InitializeResultSchema as LegacyInitializeResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it } from 'vitest';
import {
  readDiscoverResult,
  readInitializeResult,
  writeDiscoverResult,
  writeInitializeParams,
  writeInitializeResult,
} from './initialize.ts';

const INFO = Buffer.from('{"name":"s","version":"1","x":9007199254740993}');
const SERVER = { info: INFO, capabilities: { tools: { listChanged: true } }, instructions: 'be kind' };

describe('writeInitializeResult', () => {
  it('is what both SDKs accept, with the server info as it came', () => {
    const bytes = writeInitializeResult({ ...SERVER, revision: '2025-06-18', meta: Buffer.from('{"m":1}') });
    expect(bytes.toString()).toBe(
      `{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":${INFO},"instructions":"be kind","_meta":{"m":1}}`,
    );
    LegacyInitializeResultSchema.parse(JSON.parse(bytes.toString()));
    InitializeResultSchema.parse(JSON.parse(bytes.toString()));
  });

  it('leaves out what there is not', () => {
    const bytes = writeInitializeResult({
      info: INFO,
      capabilities: {},
      instructions: undefined,
      revision: '2024-11-05',
    });
    expect(Object.keys(JSON.parse(bytes.toString()))).toEqual(['protocolVersion', 'capabilities', 'serverInfo']);
  });

  it('is read back as it was written', () => {
    const read = readInitializeResult(writeInitializeResult({ ...SERVER, revision: '2025-11-25' }));
    expect(read).toEqual({ ok: true, value: { revision: '2025-11-25', facts: SERVER } });
  });
});

describe('writeDiscoverResult', () => {
  const cache = { ttlMs: 60_000, cacheScope: 'public' } as const;

  it('has the members of the specification', () => {
    const bytes = writeDiscoverResult({ ...SERVER, supportedVersions: ['2026-07-28'], cache });
    expect(bytes.toString()).toBe(
      `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}},"instructions":"be kind","ttlMs":60000,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":${INFO}}}`,
    );
    DiscoverResultSchema.parse(JSON.parse(bytes.toString()));
  });

  it('is read back as it was written', () => {
    const read = readDiscoverResult(writeDiscoverResult({ ...SERVER, supportedVersions: ['2026-07-28'], cache }));
    expect(read).toEqual({ ok: true, value: { supportedVersions: ['2026-07-28'], facts: SERVER } });
  });
});

describe('writeInitializeParams', () => {
  it('is what the SDK accepts', () => {
    const bytes = writeInitializeParams({ revision: '2025-11-25', clientInfo: INFO, capabilities: { sampling: {} } });
    InitializeRequestParamsSchema.parse(JSON.parse(bytes.toString()));
    expect(bytes.toString()).toContain(INFO.toString());
  });
});

describe('readInitializeResult', () => {
  it('lends a name and no capabilities to a server that does not say', () => {
    const read = readInitializeResult(Buffer.from('{"protocolVersion":"2025-03-26","serverInfo":7,"capabilities":[]}'));
    if (!read.ok) throw new Error(read.fault.message);
    expect(read.value.facts.info.toString()).toBe('{"name":"unknown","version":"0"}');
    expect(read.value.facts.capabilities).toEqual({});
  });

  it('names a version that is not served', () => {
    for (const version of ['2024-10-07', '2026-07-28', '2031-01-01']) {
      const read = readInitializeResult(Buffer.from(JSON.stringify({ protocolVersion: version, capabilities: {} })));
      expect(read).toMatchObject({ ok: false, fault: { code: 'upstream.version', detail: version } });
    }
  });

  // Attack: bytes that scan like an object but are not JSON would stand inside every initialize answer of the gateway.
  it('refuses what is not JSON, not an object, or nested to exhaust whoever writes it again', () => {
    const deep = `{"protocolVersion":"2025-11-25","capabilities":${'{"a":'.repeat(5_000)}{}${'}'.repeat(5_000)}}`;
    for (const text of ['{"protocolVersion":"2025-11-25","serverInfo":{"name":tru}}', '[]', 'null', '', '{}', deep]) {
      expect(readInitializeResult(Buffer.from(text))).toMatchObject({ ok: false, fault: { code: 'upstream.invalid' } });
    }
  });
});

describe('readDiscoverResult', () => {
  it('keeps versions that are not served: the caller chooses', () => {
    const read = readDiscoverResult(Buffer.from('{"supportedVersions":["2099-01-01",7],"capabilities":{}}'));
    expect(read).toMatchObject({ ok: true, value: { supportedVersions: ['2099-01-01'] } });
  });

  it('refuses a result without versions or of another type', () => {
    expect(readDiscoverResult(Buffer.from('{"capabilities":{}}'))).toMatchObject({ ok: false });
    const task = Buffer.from('{"resultType":"task","supportedVersions":["2026-07-28"]}');
    expect(readDiscoverResult(task)).toMatchObject({
      ok: false,
      fault: { code: 'upstream.result-type', detail: 'task' },
    });
  });
});
