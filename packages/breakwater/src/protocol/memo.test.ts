import { expect, it } from 'vitest';
import { Memo } from './memo.ts';

it('remembers what comes again, and never more than it may', () => {
  const memo = new Memo<number>(8);
  for (let i = 0; i < 100; i++) {
    expect(memo.get('often') ?? 1).toBe(1);
    memo.set('often', 1);
    memo.set(`once ${i}`, i);
  }
  const known = Array.from({ length: 100 }, (_, i) => memo.get(`once ${i}`)).filter((value) => value !== undefined);
  expect(known.length).toBeLessThanOrEqual(8);
  expect(memo.get('often')).toBe(1);
});
