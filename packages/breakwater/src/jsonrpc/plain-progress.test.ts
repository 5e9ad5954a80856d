import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage } from './parse.ts';
import { readPlainProgress } from './plain-progress.ts';
import { memberBytes, type RawObject } from './raw.ts';

function read(text: string) {
  const bytes = Buffer.from(text);
  return readPlainProgress(bytes, bytes.toString('latin1'));
}

function membersOf(params: RawObject | undefined) {
  return params?.members.map((member) => [member.key, memberBytes(params, member).toString()]);
}

const PARAMS = '{"progressToken":7,"progress":1,"total":2,"message":"é"}';

describe('readPlainProgress', () => {
  it.each([
    `{"jsonrpc":"2.0","method":"notifications/progress","params":${PARAMS}}`,
    `{"method":"notifications/progress","params":${PARAMS},"jsonrpc":"2.0"}`,
  ])('reads %s', (text) => {
    const message = read(text);
    expect(message).toMatchObject({ kind: 'notification', method: 'notifications/progress' });
    expect(membersOf(message?.params)).toEqual([
      ['progressToken', '7'],
      ['progress', '1'],
      ['total', '2'],
      ['message', '"é"'],
    ]);
  });

  // Attack: a server hides a member behind the params, so that what was taken for a notification is a request, or an answer, to whoever reads it again.
  it.each([
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{},"id":7}`,
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{},"method":"roots/list"}`,
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{},"params":{}}`,
    `{"method":"notifications/progress","params":{},"id":7,"jsonrpc":"2.0"}`,
    `{"method":"notifications/progress","params":{},"params":{},"jsonrpc":"2.0"}`,
    `{"method":"notifications/progress","params":{}}`,
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{}`,
    `{"jsonrpc":"2.0","method":"notifications/progress","params":[]}`,
    `{"jsonrpc":"2.0","method":"notifications/progress","params":null}`,
    `{"jsonrpc":"2.0","method":"notifications/progress"}`,
    `{"jsonrpc":"2.0","method":"notifications/message","params":{}}`,
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{}} `,
    `{"jsonrpc":"2.0","method":"notifications/progress","params":"}"}`,
  ])('leaves %s to the scanner', (text) => expect(read(text)).toBeUndefined());

  it('says what the scanner says of whatever it reads', () => {
    const params = fc.oneof(
      fc.json({ stringUnit: 'binary' }),
      fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()).map((value) => JSON.stringify(value)),
      fc.constantFrom(PARAMS, '{"a":1}}', '{"a":1},"id":1', '{"a":"},\\"jsonrpc\\":\\"2.0\\"}"}', '{', ''),
    );
    fc.assert(
      fc.property(params, fc.boolean(), (value, isVersionFirst) => {
        const tail = isVersionFirst ? '' : ',"jsonrpc":"2.0"';
        const head = isVersionFirst ? '"jsonrpc":"2.0",' : '';
        const rest = `${head}"method":"notifications/progress","params":${value}${tail}}`;
        const plain = read(`{${rest}`);
        if (plain === undefined) return;
        // A blank is enough for the general way.
        const scanned = parseMessage(Buffer.from(`{ ${rest}`));
        if (!scanned.ok || scanned.value.kind !== 'notification') throw new Error('not what the scanner sees');
        expect(plain.method).toBe(scanned.value.method);
        expect(membersOf(plain.params)).toEqual(membersOf(scanned.value.params));
      }),
      { numRuns: 3_000 },
    );
  });
});
