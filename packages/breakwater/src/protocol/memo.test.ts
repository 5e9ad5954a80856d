import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

// Attack: what is remembered already is asked for in bodies as large as may be, of each of which the text is a slice.
it('keeps nothing of what it is asked with', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const memo = new Memo<number>(200);
  const ask = (at: number): number | undefined => {
    const body = Buffer.from(`${'x'.repeat(1_000_000)} a text of some length ${at}`).toString('latin1');
    return memo.get(body.slice(1_000_001));
  };
  for (let at = 0; at < 50; at++) memo.set(`a text of some length ${at}`, at);
  for (let at = 0; at < 60; at++) memo.set(`another text ${at}`, at);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let at = 0; at < 50; at++) expect(ask(at)).toBe(at);
  const grown = (): number => {
    collect();
    return process.memoryUsage().heapUsed - before;
  };
  await expect.poll(grown, { timeout: 20_000 }).toBeLessThan(15_000_000);
  expect(memo.get('a text of some length 49')).toBe(49);
});
