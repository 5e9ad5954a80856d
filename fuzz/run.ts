/** `npm run fuzz -- --seconds 60 --seed 7 --only hostile`: tries all properties for so long, each for its share of the time, from new seeds. */
import { parseArgs } from 'node:util';
import { PROPERTIES } from './properties.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const chosen = PROPERTIES.filter(({ name }) => name.includes(values.only));
const limitMs = (Number(values.seconds) * 1000) / chosen.length;
let failures = 0;

for (const property of chosen) {
  const until = Date.now() + limitMs;
  let seed = values.seed === undefined ? Date.now() & 0x7fffffff : Number(values.seed);
  process.stdout.write(`— ${property.name}\n`);
  // A property that is interrupted before its first case counts as failed.
  while (until - Date.now() > 1_000) {
    try {
      const tried = await property.run({ seed, runs: 5_000, limitMs: until - Date.now() });
      process.stdout.write(`  seed ${seed}: ${tried} cases\n`);
    } catch (error) {
      failures += 1;
      process.stdout.write(`  FAILED with seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n`);
      break;
    }
    seed += 1;
  }
}
process.stdout.write(`\nfuzz: ${chosen.length - failures} of ${chosen.length} properties hold\n`);
process.exitCode = failures === 0 ? 0 : 1;
