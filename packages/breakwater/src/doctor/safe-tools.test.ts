import { describe, expect, it } from 'vitest';
import { chooseCall } from './safe-tools.ts';

const READS = { readOnlyHint: true };
const schema = (properties: object, required = Object.keys(properties)) => ({ type: 'object', properties, required });

describe('chooseCall', () => {
  it.each([
    ['a tool that says nothing', [{ name: 'wipe' }], undefined],
    ['a tool that says it writes', [{ name: 'wipe', annotations: { readOnlyHint: false } }], undefined],
    ['a hint that is no boolean', [{ name: 'wipe', annotations: { readOnlyHint: 'true' } }], undefined],
    ['a tool without a name', [{ annotations: READS }], undefined],
    [
      'a tool that only reads',
      [{ name: 'wipe' }, { name: 'look', annotations: READS }],
      { name: 'look', arguments: {} },
    ],
    [
      'arguments that can be made up',
      [
        {
          name: 'look',
          annotations: READS,
          inputSchema: schema({
            text: { type: 'string' },
            count: { type: 'integer', minimum: 3 },
            kind: { enum: ['a', 'b'] },
            deep: { type: 'boolean' },
            size: { type: 'object', default: { w: 1 } },
          }),
        },
      ],
      { name: 'look', arguments: { text: 'ping', count: 3, kind: 'a', deep: false, size: { w: 1 } } },
    ],
    [
      'arguments that cannot',
      [{ name: 'look', annotations: READS, inputSchema: schema({ at: { type: 'string', format: 'uri' } }) }],
      undefined,
    ],
    [
      'arguments that are optional',
      [{ name: 'look', annotations: READS, inputSchema: schema({ at: { type: 'array' } }, []) }],
      { name: 'look', arguments: {} },
    ],
  ])('%s', (_, tools, call) => expect(chooseCall(tools, [])).toEqual(call));

  it('calls what the operator allows', () => {
    expect(chooseCall([{ name: 'wipe' }], ['wipe'])).toEqual({ name: 'wipe', arguments: {} });
  });
});
