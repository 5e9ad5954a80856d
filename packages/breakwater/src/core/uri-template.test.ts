import { describe, expect, it } from 'vitest';
import { matchesTemplate } from './uri-template.ts';

describe('matchesTemplate', () => {
  it.each([
    ['demo://items/{id}', 'demo://items/7', true],
    ['demo://items/{id}', 'demo://other/7', false],
    ['demo://items/{id}/tail', 'demo://items/7/tail', true],
    ['demo://items/{id}/tail', 'demo://items/7', false],
    ['file:///{+path}', 'file:///a/b/c', true],
    ['a{x}b{y}c', 'a1b2c', true],
    ['a{x}b{y}c', 'abc', true],
    ['a{x}bc', 'abbc', true],
    ['{x}', 'anything', true],
    ['plain://x', 'plain://x', true],
    ['plain://x', 'plain://y', false],
    ['ab{x}ba', 'aba', false],
  ])('%s %s → %s', (template, uri, expected) => {
    expect(matchesTemplate(template, uri)).toBe(expected);
  });

  // Attack: a server's template with many expressions and a long uri would make a backtracking matcher hang the gateway.
  it('answers a hostile template at once', () => {
    expect(matchesTemplate(`${'{a}x'.repeat(2_000)}!`, 'x'.repeat(50_000))).toBe(false);
  });
});
