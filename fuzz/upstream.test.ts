import { describe, expect, it } from 'vitest';
import { HOSTILE_HTTP, HOSTILE_STDIO } from './properties.ts';
import { chooseSeed } from './support/seed.ts';

describe('a gateway that is sent rubbish by servers', () => {
  it.each([
    [HOSTILE_HTTP, 200, 10_000],
    [HOSTILE_STDIO, 30, 8_000],
  ])('$name', { timeout: 60_000 }, async ({ name, run }, runs, limitMs) => {
    expect(await run({ seed: chooseSeed(name), runs, limitMs })).toBeGreaterThan(0);
  });
});
