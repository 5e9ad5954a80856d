import { describe, expect, it } from 'vitest';
import { BYTES, PIPELINES, REQUESTS } from './properties.ts';
import { chooseSeed } from './support/seed.ts';

// The numbers keep this below half a minute; `npm run fuzz` runs for as long as it is told.
describe('a gateway that is sent rubbish by clients', () => {
  it.each([
    [REQUESTS, 2_000, 12_000],
    [BYTES, 300, 5_000],
    [PIPELINES, 500, 3_000],
  ])('$name', { timeout: 60_000 }, async ({ name, run }, runs, limitMs) => {
    expect(await run({ seed: chooseSeed(name), runs, limitMs })).toBeGreaterThan(0);
  });
});
