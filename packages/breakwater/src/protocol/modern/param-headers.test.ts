import { describe, expect, it } from 'vitest';
import { scanObject } from '../../jsonrpc/raw.ts';
import { buildParamHeaders, compileParamHeaders, type ParamHeader, validateParamHeaders } from './param-headers.ts';

function annotated(name: unknown, type: unknown = 'string'): Record<string, unknown> {
  return { type, 'x-mcp-header': name };
}

function compile(schema: unknown): readonly ParamHeader[] | string {
  const checked = compileParamHeaders(schema);
  return checked.ok ? checked.value : checked.fault.message;
}

const DECLARED: readonly ParamHeader[] = [
  { path: ['region'], header: 'mcp-param-region', type: 'string' },
  { path: ['page', 'size'], header: 'mcp-param-size', type: 'integer' },
  { path: ['dry'], header: 'mcp-param-dry', type: 'boolean' },
];

function build(args: string): Record<string, string> {
  return buildParamHeaders(DECLARED, scanObject(Buffer.from(args)));
}

function validate(args: string, fields: Readonly<Record<string, string | readonly string[]>>) {
  return validateParamHeaders(DECLARED, scanObject(Buffer.from(args)), (name) => [fields[name] ?? []].flat());
}

describe('compileParamHeaders', () => {
  it('collects declarations at any depth of properties', () => {
    const schema = {
      type: 'object',
      properties: {
        region: annotated('Region'),
        page: { type: 'object', properties: { size: annotated('Size', 'integer') } },
        dry: annotated('Dry', 'boolean'),
        'x-mcp-header': { type: 'string' },
      },
      required: ['x-mcp-header'],
      examples: [annotated('Example')],
    };
    expect(compile(schema)).toEqual(DECLARED);
  });

  it.each([{}, true, null, undefined, 'x', [], { properties: null }, { properties: [] }])(
    'finds none in %j',
    (schema) => {
      expect(compile(schema)).toEqual([]);
    },
  );

  it.each([
    [annotated('')],
    [annotated('a b')],
    [annotated('a:b')],
    [annotated('a\r\nb')],
    [annotated('é')],
    [annotated(7)],
    [annotated(null)],
    [annotated('X', 'number')],
    [annotated('X', 'object')],
    [annotated('X', ['string', 'null'])],
    [{ 'x-mcp-header': 'X' }],
  ])('refuses the annotation %j', (property) => {
    expect(compile({ properties: { p: property } })).toMatch(/^p: x-mcp-header/);
  });

  it('refuses two names that differ in case only', () => {
    expect(compile({ properties: { a: annotated('Region'), b: annotated('region') } })).toMatch(/twice/);
  });

  it.each([
    ['items', annotated('X')],
    ['oneOf', [{}, { properties: { a: annotated('X') } }]],
    ['$defs', { d: annotated('X') }],
    ['patternProperties', { '^a': annotated('X') }],
    ['additionalProperties', annotated('X')],
    ['if', { properties: { a: annotated('X') } }],
    ['x-mcp-header', 'X'],
  ])('refuses an annotation outside of properties: %s', (keyword, value) => {
    expect(compile({ properties: { p: { type: 'object' } }, [keyword]: value })).toMatch(/chain of "properties"/);
  });

  it('survives a schema that nests without end', () => {
    // Attack: a server whose schema overflows the stack of the walk.
    const deep = JSON.parse(`${'{"items":'.repeat(50_000)}1${'}'.repeat(50_000)}`) as unknown;
    expect(compile(deep)).toMatch(/nests deeper/);
  });
});

describe('buildParamHeaders', () => {
  it('writes each type', () => {
    expect(build('{"region":"eu","page":{"size":42},"dry":false}')).toEqual({
      'mcp-param-region': 'eu',
      'mcp-param-size': '42',
      'mcp-param-dry': 'false',
    });
  });

  it.each(['{}', '{"region":null,"page":null}', '{"page":{},"region":["eu"],"dry":{}}', '{"page":"x"}'])(
    'leaves out what is absent, null or no primitive: %s',
    (args) => expect(build(args)).toEqual({}),
  );

  it('writes nothing without arguments', () => {
    expect(buildParamHeaders(DECLARED, undefined)).toEqual({});
  });

  it('encodes what a header cannot hold', () => {
    expect(build('{"region":"a\\r\\nAuthorization: x"}')).toEqual({
      'mcp-param-region': '=?base64?YQ0KQXV0aG9yaXphdGlvbjogeA==?=',
    });
  });

  it.each([
    ['9007199254740993', '9007199254740993'],
    ['-123456789012345678901234567890', '-123456789012345678901234567890'],
    ['42.0', '42'],
    ['4.2e1', '42'],
    ['-0', '0'],
    ['1e400', undefined],
    ['1e21', undefined],
  ])('writes the integer %s as %s', (token, text) => {
    expect(build(`{"page":{"size":${token}}}`)['mcp-param-size']).toBe(text);
  });
});

describe('validateParamHeaders', () => {
  it.each([
    ['{"region":"eu"}', { 'mcp-param-region': 'eu' }],
    ['{"region":"eu"}', { 'mcp-param-region': '=?base64?ZXU=?=' }],
    ['{"page":{"size":42}}', { 'mcp-param-size': '42.0' }],
    ['{"page":{"size":42.0}}', { 'mcp-param-size': '42' }],
    ['{"page":{"size":9007199254740993}}', { 'mcp-param-size': '9007199254740993' }],
    ['{"page":{"size":9007199254740993}}', {}],
    ['{"dry":true}', { 'mcp-param-dry': 'true' }],
    ['{"region":null}', {}],
    ['{"region":{"a":1}}', {}],
    ['{}', { 'mcp-param-other': 'x' }],
  ])('passes %s with %j', (args, fields) => expect(validate(args, fields)).toBeUndefined());

  it.each([
    ['{"region":"eu"}', {}],
    ['{"region":"eu"}', { 'mcp-param-region': 'us' }],
    ['{"region":"eu"}', { 'mcp-param-region': 'EU' }],
    ['{"region":"eu"}', { 'mcp-param-region': '=?base64?ZXU?=' }],
    ['{"region":"eu"}', { 'mcp-param-region': ['eu', 'eu'] }],
    ['{"page":{"size":42}}', { 'mcp-param-size': '0x2a' }],
    ['{"page":{"size":42}}', { 'mcp-param-size': '4.2e1' }],
    ['{"page":{"size":42}}', { 'mcp-param-size': '43' }],
    // 2^53+1 and 2^53 are one JavaScript number.
    ['{"page":{"size":9007199254740993}}', { 'mcp-param-size': '9007199254740992' }],
    ['{"dry":true}', { 'mcp-param-dry': 'True' }],
    // Attack: the header agrees with one parser's reading of the body.
    ['{"region":"eu","region":"us"}', { 'mcp-param-region': 'us' }],
    ['{"page":{"size":1},"page":{"size":2}}', { 'mcp-param-size': '2' }],
  ])('refuses %s with %j', (args, fields) => {
    expect(validate(args, fields)).toMatchObject({ code: 'envelope.mismatch', rpc: -32020, http: 400 });
  });
});
