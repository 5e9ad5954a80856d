/** The seed of `FUZZ_SEED`, or a new one; it is printed, so that what fails can be repeated. */
export function chooseSeed(name: string): number {
  const given = process.env['FUZZ_SEED'];
  const seed = given === undefined ? Date.now() & 0x7fffffff : Number(given);
  process.stdout.write(`fuzz: ${name}: FUZZ_SEED=${seed}\n`);
  return seed;
}
