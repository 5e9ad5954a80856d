import { describe, expect, it } from 'vitest';
import { compareOutcomes } from './compare.ts';
import { outcomeOf } from './outcome.ts';
import { compareShapes } from './shape.ts';

const tools = (...names: string[]) => ({
  tools: names.map((name) => ({ name, inputSchema: { type: 'object', required: ['‹string 3›'] } })),
});

describe('compareShapes', () => {
  it.each([
    ['values', { content: [{ type: 'text', text: '‹string 5›' }] }, { content: [{ type: 'text', text: 'anything' }] }],
    ['numbers that were hidden', { total: '‹integer›' }, { total: 12.5 }],
    [
      'how many',
      { content: [{ type: 'text', text: 'a' }] },
      {
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ],
    ['order of names', tools('a', 'b'), tools('b', 'a')],
    ['_meta', { _meta: { a: 1 } }, { _meta: { b: 1 } }],
    ['cursors', { nextCursor: '‹ref a›' }, { nextCursor: 'live' }],
    ['programs', { serverInfo: { name: 'a', version: '1' } }, { serverInfo: { name: 'b', version: '2' } }],
    ['an empty list', { resources: [] }, { resources: [{ uri: 'x' }] }],
  ])('does not mind %s', (_, recorded, live) => {
    expect(compareShapes(recorded, live, ['result'])).toEqual([]);
  });

  it.each([
    ['a missing member', { a: 1, b: 2 }, { a: 1 }, { at: 'result/b', recorded: 'there', live: 'missing' }],
    ['a new member', { a: 1 }, { a: 1, b: 2 }, { at: 'result/b', recorded: 'missing', live: 'there' }],
    ['another kind', { a: '‹string 1›' }, { a: 1 }, { at: 'result/a', recorded: 'string', live: 'number' }],
    ['null', { a: null }, { a: {} }, { at: 'result/a', recorded: 'null', live: 'object' }],
    ['a lost tool', tools('a', 'b'), tools('a'), { at: 'result/tools/*/b', recorded: 'there', live: 'missing' }],
    [
      'another revision',
      { protocolVersion: '2025-06-18' },
      { protocolVersion: '2025-11-25' },
      { at: 'result/protocolVersion', recorded: '2025-06-18', live: '2025-11-25' },
    ],
    [
      'another kind of content',
      { content: [{ type: 'image' }] },
      { content: [{ type: 'image' }, { type: 'audio' }] },
      { at: 'result/content/*/audio', recorded: 'missing', live: 'there' },
    ],
  ])('finds %s', (_, recorded, live, difference) => {
    expect(compareShapes(recorded, live, ['result'])).toEqual([difference]);
  });

  // Attack: two trees that differ everywhere make a report nobody can open.
  it('names no more than twenty', () => {
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`m${index}`, index]));
    expect(compareShapes(many, {}, ['result'])).toHaveLength(20);
  });
});

describe('compareOutcomes', () => {
  const strict = { isLoose: false, looseIds: new Set() };
  const result = (value: object) => [{ jsonrpc: '2.0', id: 1, result: value }];
  const of = (status: number, type: string, bodies: readonly unknown[]) => outcomeOf(status, type, bodies, [1]);
  const fine = of(200, 'application/json', result({}));

  it.each([
    ['status', of(404, 'application/json', result({})), 'status'],
    ['media type', of(200, 'text/event-stream', result({})), 'content type'],
    ['tool error', of(200, 'application/json', result({ isError: true })), 'outcome'],
    ['error', of(200, 'application/json', [{ jsonrpc: '2.0', id: 1, error: { code: -32601 } }]), 'outcome'],
    ['another id', of(200, 'application/json', [{ jsonrpc: '2.0', id: 2, result: {} }]), 'outcome'],
    ['nothing', undefined, 'answer'],
  ])('finds another %s', (_, live, at) => {
    expect(compareOutcomes(fine, live, strict).map((each) => each.at)).toEqual([at]);
  });

  it('is loose where values were made up', () => {
    const refused = of(400, 'application/json', [{ jsonrpc: '2.0', id: 1, error: { code: -32602 } }]);
    expect(compareOutcomes(fine, refused, { ...strict, isLoose: true })).toEqual([]);
    expect(compareOutcomes(fine, of(502, 'text/html', []), { ...strict, isLoose: true })).toHaveLength(1);
  });
});
