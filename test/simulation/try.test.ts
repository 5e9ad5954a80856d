import { test } from 'vitest';
import { simulate } from './simulate.ts';
test('try', { timeout: 600_000 }, async () => {
  const from = Number(process.env['SIM_SEED'] ?? 1);
  const n = Number(process.env['SIM_N'] ?? 1);
  const t = performance.now();
  let bad = 0, calls = 0, ok = 0, steps = 0;
  for (let s = from; s < from + n; s++) {
    const run = await simulate(s);
    calls += run.calls; ok += run.ok; steps += run.steps;
    if (run.faults.length > 0) { bad++; if (bad <= 12) console.log(`seed ${s}: ${run.faults.slice(0, 4).join('\n   ')}`); }
    if (n === 1) console.log(run.trace.join('\n'));
  }
  const ms = performance.now() - t;
  console.log(`${n} seeds, ${bad} bad, ${calls} calls, ${ok} ok, ${steps / n} steps, ${ms / n} ms each`);
});
