import { describe, expect, it } from 'vitest';
import { closesResult, openResult } from './open-result.ts';

const RESULT = '{"content":[';
const open = (text: string) => openResult(Buffer.from(text));

describe('a response that begins with', () => {
  it.each([
    ['what servers write', `{"jsonrpc":"2.0","id":7,"result":${RESULT}`, '7'],
    ['its members in another order', `{"id":"a","jsonrpc":"2.0","result":${RESULT}`, '"a"'],
    ['white space', ` {\n "jsonrpc" : "2.0" ,\t"id" : 7 , "result" : ${RESULT}`, '7'],
    ['members that nobody knows', `{"jsonrpc":"2.0","x":{"result":[1]},"id":7,"result":${RESULT}`, '7'],
    ['an id beyond 2^53', `{"jsonrpc":"2.0","id":9007199254740993,"result":${RESULT}`, '9007199254740993'],
  ])('%s can be passed on', (_name, text, id) => {
    expect(open(text)).toEqual({ id, start: text.length - RESULT.length });
  });

  // Attack: each of these is another message, or no message, to a parser that sees the whole.
  it.each([
    ['no id before the result', `{"jsonrpc":"2.0","result":${RESULT}`],
    ['a null id', `{"jsonrpc":"2.0","id":null,"result":${RESULT}`],
    ['two ids', `{"jsonrpc":"2.0","id":7,"id":8,"result":${RESULT}`],
    ['an id spelled with escapes', `{"jsonrpc":"2.0","id":7,"\\u0069d":8,"result":${RESULT}`],
    ['a result spelled with escapes', `{"jsonrpc":"2.0","id":7,"res\\u0075lt":{},"result":${RESULT}`],
    ['an error', `{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":""},"result":${RESULT}`],
    ['a method', `{"jsonrpc":"2.0","id":7,"method":"ping","result":${RESULT}`],
    ['no version', `{"id":7,"result":${RESULT}`],
    ['another version', `{"jsonrpc":"1.0","id":7,"result":${RESULT}`],
    ['a result that is no object', '{"jsonrpc":"2.0","id":7,"result":[{'],
    ['a result that is null', '{"jsonrpc":"2.0","id":7,"result":null'],
    ['a result inside of another member', `{"jsonrpc":"2.0","id":7,"x":{"result":${RESULT}`],
    ['a result as a value', '{"jsonrpc":"2.0","id":7,"x":"result","y":{'],
    ['an array', `[{"jsonrpc":"2.0","id":7,"result":${RESULT}`],
    ['a string that never ends', '{"jsonrpc":"2.0","id":"7'],
    ['more than a beginning', `{"jsonrpc":"2.0","id":7,"x":"${'x'.repeat(5_000)}","result":${RESULT}`],
    ['a missing comma', `{"jsonrpc":"2.0" "id":7,"result":${RESULT}`],
    ['nothing', ''],
  ])('%s has to be seen whole', (_name, text) => {
    expect(open(text)).toBeUndefined();
  });
});

describe('a response is what it began as when it ends with', () => {
  const head = Buffer.from('{"jsonrpc":"2.0","id":7,"result":');
  const opened = { id: '7' as never, start: head.length };
  const closes = (tail: string) => closesResult(head, Buffer.from(tail), opened);

  it.each(['}', ' \n}\r\n', ',"x":1}', ',"_meta":{"id":8,"error":{}}}', '}anything'])('%j', (tail) => {
    expect(closes(tail)).toBe(true);
  });

  // Attack: a server that answers request 7 and lets the client's parser believe, with the last word, that it answered another one, or failed.
  it.each([
    '',
    ',',
    ']',
    ' x',
    ',}',
    ',"id":8}',
    ',"id":7}',
    ',"\\u0069d":8}',
    ',"result":{}}',
    ',"r\\u0065sult":{}}',
    ',"error":{"code":1,"message":"x"}}',
    ',"method":"tools/call","params":{}}',
    ',"jsonrpc":"2.0"}',
    ',"x":{}',
  ])('but not with %j', (tail) => {
    expect(closes(tail)).toBe(false);
  });
});
