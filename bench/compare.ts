/**
 * `npm run bench:compare -- [--load] [--rounds N] [REF]`: what this tree costs as a multiple of REF (the branch point from `origin/main`, or the commit
 * before this one). Pure functions take turns in two processes; with `--load` whole gateways do, under load. It never fails on a figure.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Spread } from './stats.ts';
import { writeTable } from './table.ts';

interface MicroReport {
  readonly rows: readonly { readonly name: string; readonly microsPerCall?: Spread }[];
}

const ROOT = join(import.meta.dirname, '..');
/** Loads that show what most changes change. */
const LOADS = 'call,call-modern,field-mix,list,breakwater,breakwater-base';
/** Less is not resolved between two processes on a machine with neighbours. */
const WORTH_A_LOOK = 1.15;

const { values, positionals } = readArgs();
const base = positionals[0] ?? findBase();
if (base === undefined) process.stdout.write('Nothing to compare with: this clone has one commit only.\n');
else compare(base);

function readArgs() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { load: { type: 'boolean', default: false }, rounds: { type: 'string', default: '3' } },
    });
  } catch (error) {
    process.stderr.write(
      `${error instanceof Error ? error.message : error}\nusage: npm run bench:compare -- [--load] [--rounds N] [REF]\n`,
    );
    process.exit(2);
  }
}

function compare(ref: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-base-'));
  try {
    process.stdout.write(`base: ${git('log', '-1', '--format=%h %s', ref)}\n`);
    git('worktree', 'add', '--detach', '--force', folder, ref);
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const nested = join(ROOT, 'packages/breakwater/node_modules');
    if (existsSync(nested)) symlinkSync(nested, join(folder, 'packages/breakwater/node_modules'));
    if (values.load) compareLoad(folder);
    else compareMicros(folder);
  } finally {
    git('worktree', 'remove', '--force', folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

function compareLoad(folder: string): void {
  execFileSync(process.execPath, ['tools/build.ts'], { cwd: folder, stdio: 'inherit' });
  const env = { ...process.env, BREAKWATER_BASE_BIN: join(folder, 'packages/breakwater/dist/bin.js') };
  const args = ['bench/run.ts', '--rounds', values.rounds, '--only', LOADS];
  execFileSync(process.execPath, args, { cwd: ROOT, env, stdio: 'inherit' });
}

/** Base, branch, branch, base …: the least of each is what neighbours touched least. */
function compareMicros(folder: string): void {
  // Today's benchmarks over yesterday's functions.
  cpSync(join(ROOT, 'bench'), join(folder, 'bench'), { recursive: true, force: true });
  const least = { base: new Map<string, number>(), branch: new Map<string, number>() };
  for (let round = 0; round < Number(values.rounds); round++) {
    const turns = [
      [folder, least.base],
      [ROOT, least.branch],
    ] as const;
    for (const [tree, times] of round % 2 === 0 ? turns : turns.toReversed()) takeTurn(tree, times);
  }
  const lines = [...least.branch].map(([name, after]) => {
    const before = least.base.get(name);
    const ratio = before === undefined ? undefined : after / before;
    const mark = ratio === undefined ? '' : ratio > WORTH_A_LOOK ? 'slower' : ratio < 1 / WORTH_A_LOOK ? 'faster' : '';
    return [name, before?.toFixed(3) ?? '–', after.toFixed(3), ratio?.toFixed(2) ?? '–', mark];
  });
  process.stdout.write(`${writeTable([['least µs per call', 'base', 'here', '×', ''], ...lines])}\n`);
}

function takeTurn(tree: string, times: Map<string, number>): void {
  const file = join(tree, 'bench', `.micro-${process.pid}.json`);
  execFileSync(process.execPath, ['bench/micro.ts', '--rounds', '4', '--warmup', '80', '--json', file], {
    cwd: tree,
    stdio: 'pipe',
  });
  const { rows } = JSON.parse(readFileSync(file, 'utf8')) as MicroReport;
  rmSync(file);
  for (const { name, microsPerCall } of rows) {
    if (microsPerCall === undefined) continue;
    times.set(name, Math.min(times.get(name) ?? Number.POSITIVE_INFINITY, microsPerCall.min));
  }
}

function findBase(): string | undefined {
  for (const args of [
    ['merge-base', 'HEAD', 'origin/main'],
    ['rev-parse', 'HEAD~1'],
  ]) {
    try {
      const found = git(...args);
      if (found !== git('rev-parse', 'HEAD')) return found;
    } catch {
      // A clone without that branch, or with one commit only.
    }
  }
  return undefined;
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}
