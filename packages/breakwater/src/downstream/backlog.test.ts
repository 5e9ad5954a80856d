import { expect, test } from 'vitest';
import { Backlog, type SlowReader } from './backlog.ts';

// Attack: many readers, each just below its own bound, fill the memory together.
test('beyond the bound of the node the reader furthest behind is cut, and only that one', () => {
  const backlog = new Backlog(1_000);
  const cut: string[] = [];
  const reader = (name: string): SlowReader => ({ cut: (reason) => void cut.push(`${name} ${reason}`) });
  const [a, b, c] = [reader('a'), reader('b'), reader('c')];
  backlog.set(a, 300);
  backlog.set(b, 600);
  expect(cut).toEqual([]);
  backlog.set(c, 200);
  expect(cut).toEqual(['b node-bytes']);
  expect(backlog.bytes).toBe(500);
  backlog.set(b, 0);
  backlog.set(a, 0);
  backlog.set(c, 0);
  expect(backlog.bytes).toBe(0);
});
