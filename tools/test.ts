/** `npm test`: checks, builds, and runs every test; the last line counts them. Arguments are passed on to vitest. */
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attempt, run } from './run.ts';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numFailedTestSuites: number;
}

const args = process.argv.slice(2);
run('node', ['tools/build.ts']);
if (args.length === 0) run('node', ['tools/check.ts']);

const report = join(tmpdir(), `breakwater-test-${process.pid}.json`);
const code = attempt('vitest', [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...args,
]);
const counts = JSON.parse(readFileSync(report, 'utf8')) as Report;
rmSync(report, { force: true });
const skipped = counts.numPendingTests > 0 ? `, ${counts.numPendingTests} skipped` : '';
process.stdout.write(`\n${counts.numPassedTests} passed, ${counts.numFailedTests} failed${skipped}\n`);
process.exitCode = code;
