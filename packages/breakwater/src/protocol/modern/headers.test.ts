import { describe, expect, it } from 'vitest';
import { scanObject } from '../../jsonrpc/raw.ts';
import { modernRequestHeaders, nameSourceOf, validateModernHeaders } from './headers.ts';

type Fields = Readonly<Record<string, string | readonly string[]>>;

function validate(fields: Fields, method = 'tools/call', params = '{"name":"echo"}', revision = '2026-07-28') {
  return validateModernHeaders({
    headers: (name) => [fields[name] ?? []].flat(),
    method,
    params: scanObject(Buffer.from(params)),
    revision,
  });
}

const GOOD = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' };

describe('validateModernHeaders', () => {
  it('passes headers that agree with the body', () => {
    expect(validate(GOOD)).toBeUndefined();
    expect(validate({ ...GOOD, 'mcp-name': ' =?base64?ZWNobw==?=\t' })).toBeUndefined();
    expect(validate({ ...GOOD, 'mcp-method': 'tools/list' }, 'tools/list', '{}')).toBeUndefined();
  });

  it.each(Object.keys(GOOD))('needs %s', (header) => {
    const { [header]: _, ...rest } = GOOD as Record<string, string>;
    expect(validate(rest)).toMatchObject({ rpc: -32020, http: 400, data: { mismatch: { header: '(missing)' } } });
  });

  it.each([
    ['mcp-protocol-version', '2025-11-25'],
    ['mcp-method', 'tools/list'],
    ['mcp-method', 'Tools/call'],
    ['mcp-name', 'Echo'],
    ['mcp-name', '=?base64?ZWNobw?='],
    ['mcp-name', '=?base64?RWNobw==?='],
    ['mcp-name', ''],
  ])('refuses %s: %s', (header, value) => {
    expect(validate({ ...GOOD, [header]: value })).toMatchObject({ code: 'envelope.mismatch', rpc: -32020, http: 400 });
  });

  it.each(Object.keys(GOOD))('refuses a repeated %s, even where the values are equal', (header) => {
    // Attack: the proxy in front decides by the first line, the gateway by the last.
    const value = (GOOD as Record<string, string>)[header] ?? '';
    expect(validate({ ...GOOD, [header]: [value, value] })).toMatchObject({ rpc: -32020 });
  });

  it('refuses a repeated Mcp-Name where the method has no name', () => {
    expect(validate({ ...GOOD, 'mcp-method': 'tools/list', 'mcp-name': ['a', 'b'] }, 'tools/list', '{}')).toMatchObject(
      { rpc: -32020 },
    );
  });

  it.each([
    '{"name":"echo","name":"rm"}',
    '{"name":"rm","n\\u0061me":"echo"}',
    '{"name":"echo","arguments":{},"arguments":{}}',
  ])('refuses a body that can be read in two ways: %s', (params) => {
    // Attack: the header agrees with one parser's reading of the body, the server uses the other.
    expect(validate(GOOD, 'tools/call', params)).toMatchObject({ rpc: -32602, http: 400 });
  });

  it('leaves a body without a name to the check of its params', () => {
    const { 'mcp-name': _, ...rest } = GOOD;
    expect(validate(rest, 'tools/call', '{}')).toBeUndefined();
    expect(validate(rest, 'tools/call', '{"name":7}')).toBeUndefined();
  });

  it.each([
    ['prompts/get', 'name'],
    ['resources/read', 'uri'],
    ['tasks/get', 'taskId'],
    ['tasks/update', 'taskId'],
    ['tasks/cancel', 'taskId'],
  ])('compares Mcp-Name of %s with params.%s', (method, member) => {
    const headers = { ...GOOD, 'mcp-method': method };
    expect(validate(headers, method, JSON.stringify({ [member]: 'echo' }))).toBeUndefined();
    expect(validate(headers, method, JSON.stringify({ [member]: 'other' }))).toMatchObject({ rpc: -32020 });
  });

  it('knows no name for methods of the legacy era and of nobody', () => {
    expect(['resources/subscribe', 'constructor', '__proto__', 'tools/list'].map(nameSourceOf)).toEqual(
      Array(4).fill(undefined),
    );
  });
});

describe('modernRequestHeaders', () => {
  it('computes the headers from the body', () => {
    const params = scanObject(Buffer.from('{"uri":"file:///ü"}'));
    expect(modernRequestHeaders({ revision: '2026-07-28', method: 'resources/read', params })).toEqual({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'resources/read',
      'mcp-name': '=?base64?ZmlsZTovLy/DvA==?=',
    });
  });

  it('cannot be made to write another header', () => {
    // Attack: a method or a name with a line end.
    const params = scanObject(Buffer.from('{"name":"x\\r\\nAuthorization: y"}'));
    for (const method of ['tools/call', 'x\r\nAuthorization: y']) {
      const headers = modernRequestHeaders({ revision: '2026-07-28', method, params });
      expect(Object.values(headers).join('')).not.toMatch(/[\r\n]/);
    }
  });
});
