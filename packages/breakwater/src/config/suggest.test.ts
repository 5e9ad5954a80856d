import { describe, expect, it } from 'vitest';
import { closest } from './suggest.ts';

describe('closest', () => {
  it.each([
    ['comand', ['command', 'args'], 'command'],
    ['prot', ['port', 'host'], 'port'],
    ['PORT', ['port'], 'port'],
    ['--hots', ['--host', '--port'], '--host'],
    ['b', ['a'], undefined],
    ['zebra', ['command'], undefined],
    ['x'.repeat(100_000), ['x'.repeat(99_999)], undefined],
  ])('%.20s', (word, candidates, expected) => expect(closest(word, candidates)).toBe(expected));
});
