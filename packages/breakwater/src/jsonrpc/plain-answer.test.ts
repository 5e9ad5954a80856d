import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage } from './parse.ts';
import { readPlainAnswer } from './plain-answer.ts';
import { findMember, memberBytes, scanObject } from './raw.ts';

function read(text: string) {
  const answer = readPlainAnswer(Buffer.from(text));
  return answer && { id: answer.id, result: answer.result.toString(), isSound: answer.isSound };
}

describe('readPlainAnswer', () => {
  it.each([
    ['{"jsonrpc":"2.0","id":7,"result":{"content":[]}}', '7', '{"content":[]}'],
    ['{"result":{"content":[]},"jsonrpc":"2.0","id":12}', '12', '{"content":[]}'],
    ['{"jsonrpc":"2.0","id":0,"result":{"text":"été \\u00e9"}}', '0', '{"text":"été \\u00e9"}'],
    ['{"result":{"text":",\\"jsonrpc\\":\\"2.0\\",\\"id\\":9"},"jsonrpc":"2.0","id":1}', '1', undefined],
  ])('reads %s', (text, id, result) => {
    expect(read(text)).toEqual({ id, result: result ?? memberOf(text, 'result'), isSound: true });
  });

  it.each([
    '',
    '{}',
    '{"jsonrpc":"2.0","id":"7","result":{}}',
    '{"jsonrpc":"2.0","id":07,"result":{}}',
    '{"jsonrpc":"2.0","id":-7,"result":{}}',
    '{"jsonrpc":"2.0","id":,"result":{}}',
    '{"jsonrpc":"2.0", "id":7,"result":{}}',
    '{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":""}}',
    '{"jsonrpc":"2.0","id":7,"result":}',
    '{"jsonrpc":"2.0","id":7,"result":{}',
    '{"result":{},"jsonrpc":"2.0","id":7,"id":8}',
    '{"result":{},"jsonrpc":"2.0","id":7 }',
    '{"result":{"a":1}}',
  ])('leaves %s to the scanner', (text) => expect(read(text)).toBeUndefined());

  // Attack: a server hides a second member behind the first, so that a client that takes the last one sees another answer than the one that was looked at.
  it.each([
    '{"jsonrpc":"2.0","id":7,"result":{},"result":{"isError":true}}',
    '{"jsonrpc":"2.0","id":7,"result":{},"id":8}',
    '{"result":{},"result":{"isError":true},"jsonrpc":"2.0","id":7}',
    '{"result":{},"error":{"code":1,"message":""},"jsonrpc":"2.0","id":7}',
  ])('attack: does not take %s for one answer', (text) => {
    expect(read(text)).toBeUndefined();
    expect(parseMessage(Buffer.from(text)).ok).toBe(false);
  });

  // Attack: bytes that are no UTF-8 pass for sound and end the client's decoder instead.
  it('attack: does not vouch for bytes that are no text', () => {
    const broken = Buffer.from('{"jsonrpc":"2.0","id":7,"result":{"text":"?"}}');
    broken[broken.indexOf('?')] = 0xc3;
    expect(readPlainAnswer(broken)).toBeUndefined();
  });

  it('says what the scanner says of whatever it reads', () => {
    const result = fc.oneof(
      fc.json(),
      fc.json({ stringUnit: 'binary' }),
      fc.string().map((text) => `${text}`),
    );
    const message = fc.tuple(result, fc.nat(), fc.boolean()).map(([value, id, isFirst]) =>
      // Broken values are wanted, too.
      isFirst ? `{"jsonrpc":"2.0","id":${id},"result":${value}}` : `{"result":${value},"jsonrpc":"2.0","id":${id}}`,
    );
    fc.assert(
      fc.property(message, (text) => {
        const plain = read(text);
        if (plain === undefined) return;
        const value = JSON.parse(text) as { readonly id: number; readonly result: unknown };
        expect(plain.id).toBe(String(value.id));
        expect(JSON.parse(plain.result)).toEqual(value.result);
        expect(plain.result).toBe(memberOf(text, 'result'));
        expect(Object.keys(value)).toHaveLength(3);
      }),
      { numRuns: 2_000 },
    );
  });
});

function memberOf(text: string, key: string): string | undefined {
  const object = scanObject(Buffer.from(text));
  const member = object && findMember(object, key);
  return object && member && memberBytes(object, member).toString();
}
