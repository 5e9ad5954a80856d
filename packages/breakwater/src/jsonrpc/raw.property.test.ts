import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  editObject,
  findMember,
  hasDuplicateKey,
  measureDepth,
  memberBytes,
  memberObject,
  memberValue,
  replaceValue,
  scanArray,
  scanObject,
  skipValue,
} from './raw.ts';

/** JSON text in any spelling a peer may choose: white space anywhere, escapes anywhere in strings, numbers beyond 2^53. */
const space = fc.constantFrom('', '', ' ', '\n', '\t', '\r\n ');
const spelledChar = fc
  .tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), fc.boolean())
  .map(([char, isEscaped]) => {
    if (!isEscaped) return JSON.stringify(char).slice(1, -1);
    return [...Array(char.length).keys()].map((i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
  });
const tricky = fc.constantFrom('\\"', '\\\\', '\\\\\\"', '{', '}', '[', ']', ',', ':', '\\/', 'é', '😀', 'a', 'id');
const stringText = fc.array(fc.oneof(spelledChar, tricky), { maxLength: 6 }).map((parts) => `"${parts.join('')}"`);
const keyText = fc.oneof(
  fc.constantFrom('"id"', '"method"', '"\\u006dethod"', '"_meta"', '"__proto__"', '"constructor"', '""'),
  stringText,
);
const scalarText = fc.oneof(
  fc.constantFrom('null', 'true', 'false', '0', '-0', '1e400', '9007199254740993', '-1.5E-7', '""'),
  stringText,
);

const { value: valueText, object: objectText } = fc.letrec<{
  value: string;
  object: string;
  array: string;
  member: string;
}>((tie) => ({
  value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, scalarText, tie('object'), tie('array')),
  member: fc
    .tuple(space, keyText, space, space, tie('value'), space)
    .map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`),
  object: fc
    .tuple(space, fc.array(tie('member'), { maxLength: 5 }))
    .map(([a, members]) => `{${members.length === 0 ? a : members.join(',')}}`),
  array: fc
    .array(
      fc.tuple(space, tie('value'), space).map((parts) => parts.join('')),
      { maxLength: 4 },
    )
    .map((elements) => `[${elements.join(',')}]`),
}));

function own(value: unknown): Record<string, unknown> {
  return value as Record<string, unknown>;
}

describe('scanObject', () => {
  it('sees the members that JSON.parse sees, at their places', () => {
    fc.assert(
      fc.property(objectText, space, space, (text, before, after) => {
        const bytes = Buffer.from(before + text + after);
        const object = scanObject(bytes);
        expect(object).toBeDefined();
        if (object === undefined) return;
        const parsed = own(JSON.parse(text));
        expect(bytes.subarray(object.start, object.end).toString()).toBe(text);
        expect(new Set(object.members.map((member) => member.key))).toEqual(new Set(Object.keys(parsed)));
        expect(hasDuplicateKey(object)).toBe(object.members.length !== Object.keys(parsed).length);
        for (const key of Object.keys(parsed)) {
          const member = findMember(object, key);
          expect(member).toBeDefined();
          if (member === undefined) continue;
          expect(memberValue(object, key)).toEqual(parsed[key]);
          expect(JSON.parse(memberBytes(object, member).toString())).toEqual(parsed[key]);
          expect(memberObject(object, key) !== undefined).toBe(
            typeof parsed[key] === 'object' && parsed[key] !== null && !Array.isArray(parsed[key]),
          );
        }
      }),
    );
  });

  it('does not take a cut or prefixed object for an object, and never throws', () => {
    fc.assert(
      fc.property(objectText, fc.nat(), (text, cut) => {
        const bytes = Buffer.from(text);
        expect(scanObject(bytes.subarray(0, cut % bytes.length))).toBeUndefined();
        expect(scanObject(Buffer.from(`x${text}`))).toBeUndefined();
        expect(scanObject(Buffer.from(`[${text}]`))).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        scanObject(Buffer.from(bytes));
        scanArray(Buffer.from(bytes));
      }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '1', ' '), { maxLength: 30 }),
        (parts) => {
          const text = parts.join('');
          const object = scanObject(Buffer.from(text));
          // Where JSON.parse accepts, the scanner must; the reverse is not promised.
          if (isJsonObject(text)) expect(object).toBeDefined();
        },
      ),
      { numRuns: 500 },
    );
  });
});

function isJsonObject(text: string): boolean {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false; // not JSON at all
  }
}

describe('editObject', () => {
  it('changes exactly the edited members and keeps the others byte for byte, in order', () => {
    const edits = fc.dictionary(
      fc.constantFrom('id', 'method', '_meta', 'new', 'é'),
      fc.option(
        fc.oneof(
          valueText,
          valueText.map((text) => Buffer.from(text)),
        ),
        { nil: undefined },
      ),
    );
    fc.assert(
      fc.property(objectText, edits, (text, changes) => {
        const object = scanObject(Buffer.from(text));
        if (object === undefined) throw new Error('not scanned');
        const edited = scanObject(editObject(object, changes));
        if (edited === undefined) throw new Error('not scanned again');
        for (const [key, value] of Object.entries(changes)) {
          const at = edited.members.filter((member) => member.key === key);
          expect(at.map((member) => memberBytes(edited, member).toString())).toEqual(
            value === undefined ? [] : [value.toString()],
          );
        }
        const untouched = (one: typeof object) =>
          one.members
            .filter((member) => !Object.hasOwn(changes, member.key))
            .map(
              (member) =>
                one.bytes
                  .subarray(member.keyStart, member.start)
                  .toString()
                  .replace(/\s*:\s*$/, ':') + memberBytes(one, member).toString(),
            );
        expect(untouched(edited)).toEqual(untouched(object));
        expect(() => JSON.parse(edited.bytes.toString()) as unknown).not.toThrow();
      }),
    );
  });

  it('takes an escaped key for the key it spells', () => {
    // Attack: {"\u006dethod":…} slips past a rename that looks for "method".
    const object = scanObject(Buffer.from('{"\\u006dethod":"a","b":1}'));
    expect(object && editObject(object, { method: '"x"' }).toString()).toBe('{"\\u006dethod":"x","b":1}');
    expect(object && editObject(object, { method: undefined }).toString()).toBe('{"b":1}');
  });

  it('leaves no second member of an edited key behind', () => {
    const object = scanObject(Buffer.from('{"a":1,"b":2,"a":3}'));
    expect(object && editObject(object, { a: '9' }).toString()).toBe('{"a":9,"b":2}');
    expect(object && editObject(object, { a: undefined, c: Buffer.from('4') }).toString()).toBe('{"b":2,"c":4}');
  });
});

describe('replaceValue', () => {
  it('does what an edit of one member does, or leaves it to the edit', () => {
    fc.assert(
      fc.property(objectText, fc.constantFrom('id', 'method', '_meta', 'é'), fc.nat(), (text, key, value) => {
        const object = scanObject(Buffer.from(` ${text} `));
        if (object === undefined) throw new Error('not scanned');
        const replaced = replaceValue(object, key, String(value));
        const named = object.members.filter((member) => member.key === key);
        if (named.length !== 1) {
          expect(replaced).toBeUndefined();
          return;
        }
        const shown = (bytes: Buffer) => {
          const scanned = scanObject(bytes);
          return scanned?.members.map((member) => [member.key, memberBytes(scanned, member).toString()]);
        };
        expect(replaced && shown(Buffer.from(replaced, 'latin1'))).toEqual(
          shown(editObject(object, { [key]: String(value) })),
        );
        expect(() => JSON.parse(Buffer.from(replaced ?? '', 'latin1').toString()) as unknown).not.toThrow();
      }),
    );
  });
});

describe('scanArray', () => {
  it('cuts an array into its elements', () => {
    fc.assert(
      fc.property(fc.array(valueText, { maxLength: 6 }), space, (values, gap) => {
        const elements = scanArray(Buffer.from(`${gap}[${gap}${values.join(`${gap},${gap}`)}${gap}]`));
        expect(elements?.map(String)).toEqual(values);
      }),
    );
  });
});

describe('measureDepth', () => {
  it('counts the nesting that a walk finds', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(measureDepth(JSON.stringify(value), 1_000)).toBe(depthOf(value));
      }),
    );
    expect(measureDepth('['.repeat(100_000), 64)).toBe(65);
  });

  it('crosses a string of nothing but escapes in linear time', () => {
    // Attack: counting the same backslashes again at every quote; 2 MB would never end.
    const text = `"${'\\\\'.repeat(500_000)}${'\\"'.repeat(500_000)}"`;
    expect(skipValue(text, 0)).toBe(text.length);
    expect(measureDepth(`[${text}]`, 10)).toBe(1);
  });
});
