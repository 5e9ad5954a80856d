/**
 * `node bench/start-up.ts`: from the start of the process to its first answered `initialize`, and what an installation takes on disk. It never fails
 * on a figure.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Child, installCleanup, readAnnouncement, startChild, stopAll } from './child.ts';
import { findFreePort } from './free-port.ts';
import { LegacySession } from './loads/legacy-session.ts';
import { describeMachine } from './machine.ts';
import { summarise } from './stats.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    json: { type: 'string' },
    install: { type: 'boolean', default: false },
  },
});

const BIN =
  process.env['BREAKWATER_BIN'] ?? fileURLToPath(new URL('../packages/breakwater/dist/bin.js', import.meta.url));
const UPSTREAM = fileURLToPath(new URL('./upstream.ts', import.meta.url));
const PROGRAM = fileURLToPath(new URL('./stdio-upstream.ts', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../packages/breakwater', import.meta.url));
const LIMIT_MS = 20_000;
const RETRY_MS = 2;

/** Starts the gateway and says how long it took until a client was answered that tried from the beginning. */
async function timeStart(args: readonly string[]): Promise<number> {
  const port = await findFreePort();
  const begun = performance.now();
  const child = startChild({ args: [BIN, '--port', String(port), '--log-level', 'warn', ...args], core: 0 });
  try {
    await firstAnswer(child, new URL(`http://127.0.0.1:${port}/mcp`));
    return performance.now() - begun;
  } finally {
    await child.stop();
  }
}

async function firstAnswer(child: Child, url: URL): Promise<void> {
  const limit = performance.now() + LIMIT_MS;
  for (;;) {
    const session = new LegacySession(url);
    try {
      await session.initialize();
      return;
    } catch (error) {
      if (performance.now() > limit || child.process.exitCode !== null) throw error;
      // Not listening yet.
      await wait(RETRY_MS);
    } finally {
      session.abandon();
    }
  }
}

/** Installs the packed package as a user does, and returns MiB by package, largest first. */
function measureInstallation(): readonly (readonly [name: string, mib: number])[] {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-install-'));
  try {
    const packed = execFileSync('npm', ['pack', PACKAGE, '--pack-destination', folder, '--ignore-scripts', '--json'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ filename }] = JSON.parse(packed) as [{ readonly filename: string }];
    writeFileSync(join(folder, 'package.json'), '{"private":true}');
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--omit=dev', '--loglevel=error'];
    execFileSync('npm', ['install', ...flags, join(folder, filename)], { cwd: folder, stdio: 'ignore' });
    const root = join(folder, 'node_modules');
    const names = readdirSync(root).flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(root, name)).map((each) => `${name}/${each}`) : [name],
    );
    return names
      .filter((name) => !name.startsWith('.'))
      .map((name) => [name, sizeOf(join(root, name)) / 2 ** 20] as const)
      .sort(([, left], [, right]) => right - left);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sizeOf(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

installCleanup();
try {
  const upstream = startChild({ args: [UPSTREAM], core: 1 });
  const url = await readAnnouncement(upstream);
  const ways = [
    { name: 'http upstream', args: ['--upstream', new URL('/legacy', url).href] },
    { name: 'stdio upstream, its start included', args: ['--', process.execPath, PROGRAM] },
  ];
  const rows = [];
  for (const { name, args } of ways) {
    const times: number[] = [];
    for (let run = 0; run < Number(values.runs); run += 1) times.push(await timeStart(args));
    rows.push({ name, ms: summarise(times) });
  }
  const ms = (value: number | undefined): string => value?.toFixed(0) ?? '–';
  const lines = rows.map((row) => [row.name, ms(row.ms?.median), ms(row.ms?.min), ms(row.ms?.max)]);
  process.stdout.write(`${writeTable([['ms to the first answer', 'median', 'min', 'max'], ...lines])}\n`);
  const installed = values.install ? measureInstallation() : [];
  for (const [name, mib] of installed) process.stdout.write(`${mib.toFixed(2).padStart(7)} MiB  ${name}\n`);
  if (values.json !== undefined) {
    const report = { startedAt: new Date().toISOString(), machine: describeMachine(), rows, installed };
    writeFileSync(values.json, `${JSON.stringify(report, null, 1)}\n`);
  }
} finally {
  await stopAll();
}
