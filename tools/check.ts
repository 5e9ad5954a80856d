/** `npm run check`: everything that can be said of the code without running it. Runs all steps and names the ones that failed. */
import { attempt } from './run.ts';

const STEPS: readonly (readonly [name: string, program: string, args: readonly string[]])[] = [
  ['format and lint', 'biome', ['ci', '--error-on-warnings', '.']],
  ['types', 'tsc', ['-p', 'tsconfig.json']],
  ['boundaries', 'depcruise', ['--config', 'tools/boundaries.cjs', 'packages/breakwater/src']],
  ['unused', 'knip', ['--no-progress']],
  ['schema and configuration reference', 'node', ['tools/schema.ts', '--check']],
  ['generated pages', 'node', ['tools/docs.ts', '--check']],
  ['package', 'publint', ['packages/breakwater', '--strict']],
];

const failed: string[] = [];
for (const [name, program, args] of STEPS) {
  process.stdout.write(`\n— ${name}\n`);
  if (attempt(program, args) !== 0) failed.push(name);
}
process.stdout.write(failed.length === 0 ? '\ncheck: all steps passed\n' : `\ncheck: failed: ${failed.join(', ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
