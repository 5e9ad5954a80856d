import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSoundPayload, type ParseLimits, parseBody, parseMessage } from './parse.ts';

const LIMITS: ParseLimits = { jsonDepth: 64, idBytes: 64, batch: 3 };

function body(text: string | Buffer) {
  return parseBody(Buffer.from(text), LIMITS);
}

function single(text: string) {
  const parsed = body(text);
  if (!parsed.ok || parsed.value.kind !== 'single') throw new Error(`not one message: ${text}`);
  return parsed.value.message;
}

describe('parseBody', () => {
  it('reads the four kinds of message', () => {
    expect(single('{"jsonrpc":"2.0","id":1,"method":"ping"}')).toEqual({
      kind: 'request',
      id: '1',
      method: 'ping',
      params: undefined,
    });
    expect(single('{"jsonrpc":"2.0","method":"n","params":{}}')).toMatchObject({ kind: 'notification', method: 'n' });
    expect(single('{"jsonrpc":"2.0","id":1,"result":null}')).toEqual({
      kind: 'result',
      id: '1',
      result: Buffer.from('null'),
    });
    expect(single('{"jsonrpc":"2.0","id":null,"error":{}}')).toEqual({
      kind: 'error',
      id: undefined,
      error: Buffer.from('{}'),
    });
  });

  it.each(['9007199254740993', '1e400', '-0', '1.50', '"a\\u0062"', '"é"', '""'])(
    'keeps the id %s byte for byte',
    (id) => {
      const message = single(` {"jsonrpc":"2.0","id": ${id} ,"method":"ping"}\n`);
      expect(Buffer.from(message.kind === 'request' ? message.id : '', 'latin1').toString()).toBe(id);
    },
  );

  it('takes null params for none', () => {
    expect(single('{"jsonrpc":"2.0","id":1,"method":"ping","params":null}')).toMatchObject({ params: undefined });
  });

  it.each([
    ['', -32700],
    ['{', -32700],
    ['{"a":1,}', -32700],
    ['\ufeff{}', -32700],
    ['{}{}', -32700],
    [Buffer.from([0x22, 0xff, 0x22]), -32700],
    ['null', -32600],
    ['"x"', -32600],
    ['{}', -32600],
    ['[]', -32600],
    [`${'['.repeat(65)}${']'.repeat(65)}`, -32600],
    ['{"jsonrpc":"2.0","id":null,"method":"x"}', -32600],
    ['{"jsonrpc":"2.0","id":{},"method":"x"}', -32600],
    ['{"jsonrpc":"2.0","id":true,"method":"x"}', -32600],
    ['{"jsonrpc":"1.0","id":1,"method":"x"}', -32600],
    ['{"id":1,"method":"x"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":""}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":7}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":[]}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":"y"}', -32600],
    ['{"jsonrpc":"2.0","id":1}', -32600],
    ['{"jsonrpc":"2.0","result":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"error":"x"}', -32600],
    [`{"jsonrpc":"2.0","id":"${'x'.repeat(64)}","method":"x"}`, -32600],
    ['[1,2,3,4]', -32600],
  ])('refuses %s', (text, code) => {
    expect(body(text)).toMatchObject({ ok: false, fault: { code, message: expect.any(String) } });
  });

  it.each(['jsonrpc', 'id', 'method', 'params', 'result', 'error', '\\u0069d'])('refuses a repeated %s', (key) => {
    // Attack: the gateway checks one of the two methods, the server behind it runs the other.
    const text = `{"jsonrpc":"2.0","id":1,"method":"x","${key}":{},"${key}":{}}`;
    expect(body(text)).toMatchObject({
      ok: false,
      fault: { code: -32600, message: 'A member of the message occurs twice.' },
    });
  });

  it('says whose request is faulty where it can', () => {
    expect(body('{"jsonrpc":"2.0","id":"q","method":7}')).toMatchObject({ ok: false, fault: { id: '"q"' } });
  });

  it('judges each message of a batch alone', () => {
    const parsed = body('[{"jsonrpc":"2.0","id":1,"method":"ping"}, 7 ,{"jsonrpc":"2.0","method":"n"}]');
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        kind: 'batch',
        elements: [
          { ok: true, value: { kind: 'request', id: '1' } },
          { ok: false, fault: { code: -32600 } },
          { ok: true, value: { kind: 'notification' } },
        ],
      },
    });
  });

  it('never throws and accepts nothing that JSON.parse refuses', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"jsonrpc"',
      '"2.0"',
      '"id"',
      '1',
      '"method"',
      '"x"',
      '"params"',
      ' ',
      '\\',
      '\0',
      '\ufeff',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 20 }), (tokens) => {
        const text = tokens.join('');
        if (body(text).ok) expect(() => JSON.parse(text) as unknown).not.toThrow();
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        body(Buffer.from(bytes));
        parseMessage(Buffer.from(bytes));
      }),
    );
  });

  it('passes the bytes of a payload through', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const message = single(`{"jsonrpc":"2.0","id":1,"result":${json}}`);
        expect(message.kind === 'result' && message.result.toString()).toBe(json.trim());
      }),
    );
  });
});

describe('parseMessage', () => {
  it('reads what a server sends', () => {
    expect(parseMessage(Buffer.from('{"jsonrpc":"2.0","id":"g-1","result":{"n":9007199254740993}}'))).toEqual({
      ok: true,
      value: { kind: 'result', id: '"g-1"', result: Buffer.from('{"n":9007199254740993}') },
    });
  });

  it.each(['', 'starting server...', '[]', '{"jsonrpc":"2.0"}'])('refuses %j', (text) => {
    expect(parseMessage(Buffer.from(text))).toMatchObject({ ok: false });
  });
});

describe('isSoundPayload', () => {
  it.each([
    ['{"a":1}', true],
    ['{"content":[oops]}', false],
    ['{"n":NaN}', false],
  ])('%s → %s', (text, sound) => {
    expect(isSoundPayload(Buffer.from(text))).toBe(sound);
  });

  // Attack: bytes that are no UTF-8 inside a string; two parsers read two different texts.
  it('refuses what is no UTF-8', () => {
    expect(isSoundPayload(Buffer.from([0x22, 0xff, 0x22]))).toBe(false);
  });
});
