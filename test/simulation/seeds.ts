import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

/** Runs in all, over the files of this test; SIM_SEEDS says another number. */
const SEEDS = 10_000;
const FILES = 2;
const PER_TEST = 500;
const BATCH_MS = 180_000;
/** So many failures tell enough. */
const MOST_FAILURES = 5;

/** The tests of one file: its share of the seeds, or the one that SIM_SEED names. */
export function testSeeds(file: number): void {
  const named = process.env['SIM_SEED'];
  if (named !== undefined) {
    test(`seed ${named}`, { timeout: BATCH_MS }, async () => {
      const { faults, trace } = await simulate(Number(named), {}, true);
      process.stdout.write(`${trace.join('\n')}\n`);
      expect(faults).toEqual([]);
    });
    return;
  }
  const share = Math.ceil(Number(process.env['SIM_SEEDS'] ?? SEEDS) / FILES);
  for (let at = 0; at < share; at += PER_TEST) {
    const from = 1 + file * share + at;
    const to = from + Math.min(PER_TEST, share - at) - 1;
    test(`seeds ${from} to ${to}`, { timeout: BATCH_MS }, async () => {
      const failures: string[] = [];
      for (let seed = from; seed <= to && failures.length < MOST_FAILURES; seed++) {
        const { faults } = await simulate(seed);
        if (faults.length > 0) failures.push(`SIM_SEED=${seed}: ${faults.slice(0, 4).join('; ')}`);
      }
      expect(failures).toEqual([]);
    });
  }
}
