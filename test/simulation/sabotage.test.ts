import { expect, test } from 'vitest';
import type { Sabotage } from './node.ts';
import * as sabotage from './sabotage.ts';
import { simulate } from './simulate.ts';

/** Each broken variant is noticed within so many seeds, and by what it does wrong. */
const VARIANTS: readonly { name: string; variant: Sabotage; fault: RegExp; seeds: number }[] = [
  {
    name: 'ignores that its lease ran out',
    variant: sabotage.BELIEVES_FOR_EVER,
    fault: / began \S+ on .* has$/,
    seeds: 500,
  },
  {
    name: 'takes over without waiting for the lease',
    variant: sabotage.TAKES_OVER_AT_ONCE,
    fault: / began \S+ on .* has$/,
    seeds: 500,
  },
  {
    name: 'repeats calls that were lost',
    variant: sabotage.REPEATS_LOST_CALLS,
    fault: /took effect 2 times/,
    seeds: 500,
  },
  {
    name: 'repeats parked calls that were lost',
    variant: sabotage.REPEATS_LOST_PARKS,
    fault: /took effect 2 times/,
    seeds: 500,
  },
  {
    name: 'goes on with lost logs',
    variant: sabotage.GOES_ON_WITH_LOST_LOGS,
    fault: /began \S+ anew, which \S+ has/,
    seeds: 1_000,
  },
  {
    name: 'keeps sessions to itself',
    variant: sabotage.KEEPS_SESSIONS_TO_ITSELF,
    fault: /^lost: |has lost the session/,
    seeds: 100,
  },
  {
    name: 'mixes up the answers to questions',
    variant: sabotage.MIXES_UP_QUESTIONS,
    fault: /was answered by|got another answer/,
    seeds: 500,
  },
  { name: 'gives epochs twice', variant: sabotage.REPEATS_EPOCHS, fault: /^the epoch of/, seeds: 100 },
  {
    name: 'releases nothing when it closes',
    variant: sabotage.RELEASES_NOTHING,
    fault: /left \d+ timers|never closed|still has/,
    seeds: 20,
  },
  {
    name: 'leaves those whom it serves',
    variant: sabotage.LEAVES_WHOM_IT_SERVES,
    fault: /was told tool error: The server did not finish in time/,
    seeds: 500,
  },
];

test.each(VARIANTS)('a fleet that $name is found out', { timeout: 120_000 }, async ({ variant, fault, seeds }) => {
  const found: string[] = [];
  for (let seed = 1; seed <= seeds && found.length === 0; seed++) {
    const { faults } = await simulate(seed, variant);
    if (faults.some((each) => fault.test(each))) found.push(`seed ${seed}: ${faults.join('; ')}`);
  }
  expect(found).not.toEqual([]);
});
