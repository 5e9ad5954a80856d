/**
 * `node bench/start-up.ts`: from the start of the process to its first answered `initialize`, and what an installation takes on disk. Builds named by
 * `--bin` take turns: A B, B A. It never fails on a figure.
 */
import { execFileSync, spawnSync } from 'node:child_process';
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
import { readTrees } from './proc.ts';
import { type Spread, summarise } from './stats.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    bin: { type: 'string', multiple: true },
    json: { type: 'string' },
    install: { type: 'boolean', default: false },
  },
});

const OWN = fileURLToPath(new URL('../packages/breakwater/dist/bin.js', import.meta.url));
const BINS = values.bin ?? [process.env['BREAKWATER_BIN'] ?? OWN];
const UPSTREAM = fileURLToPath(new URL('./upstream.ts', import.meta.url));
const PROGRAM = fileURLToPath(new URL('./stdio-upstream.ts', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../packages/breakwater', import.meta.url));
const LIMIT_MS = 20_000;
const RETRY_MS = 2;

/** One way to start one build. */
interface Start {
  readonly name: string;
  readonly bin: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** How long it took, and what the process and its children spent meanwhile. */
interface Took {
  readonly ms: number;
  readonly cpuMs: number | undefined;
}

/** Starts the gateway and says how long it took until a client was answered that tried from the beginning. */
async function timeStart({ bin, args: [word = '', ...more], env }: Start): Promise<Took> {
  const port = String(await findFreePort());
  const words = word.startsWith('-') ? ['--port', port, '--log-level', 'warn', word] : [word, '--port', port];
  const begun = performance.now();
  const child = startChild({ args: [bin, ...words, ...more], core: 0, env });
  try {
    await firstAnswer(child, new URL(`http://127.0.0.1:${port}/mcp`));
    const ms = performance.now() - begun;
    return { ms, cpuMs: readTrees([child.pid])[0]?.cpuMs };
  } finally {
    await child.stop();
  }
}

/** What Node takes for nothing. */
function timeNode(): number {
  const begun = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - begun;
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

/** Every way of every build; each build keeps its compiled code in a folder of its own. */
function startsOf(upstream: URL, folder: string): readonly Start[] {
  const ways = [
    { name: 'http upstream', args: ['--upstream', new URL('/legacy', upstream).href] },
    { name: 'stdio upstream, its start included', args: ['--', process.execPath, PROGRAM] },
    { name: 'demo, its start included', args: ['demo'] },
  ];
  return BINS.flatMap((bin, index) => {
    const env = { XDG_CACHE_HOME: join(folder, String(index)) };
    const [first] = ways.map(({ name, args }) => ({
      name: `${name}, no compiled code`,
      bin,
      args,
      env: { NODE_DISABLE_COMPILE_CACHE: '1' },
    }));
    return [...(first === undefined ? [] : [first]), ...ways.map((way) => ({ ...way, bin, env }))];
  });
}

interface Row {
  readonly name: string;
  readonly bin?: string;
  readonly ms: Spread | undefined;
  readonly cpuMs?: Spread | undefined;
}

async function measureStarts(upstream: URL, runs: number): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-start-up-'));
  try {
    const starts = startsOf(upstream, folder);
    const took = new Map(starts.map((start) => [start, [] as Took[]]));
    const idle: number[] = [];
    // The first of each leaves its compiled code for the others, and is not counted.
    for (const start of starts) await timeStart(start);
    for (let run = 0; run < runs; run += 1) {
      idle.push(timeNode());
      for (const start of run % 2 === 0 ? starts : starts.toReversed()) took.get(start)?.push(await timeStart(start));
    }
    const rows = [...took].map(([{ name, bin }, each]) => ({
      name,
      bin,
      ms: summarise(each.map(({ ms }) => ms)),
      cpuMs: summarise(each.flatMap(({ cpuMs }) => cpuMs ?? [])),
    }));
    return [{ name: 'node alone, to its end', ms: summarise(idle) }, ...rows];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeRows(rows: readonly Row[]): string {
  const ms = (value: number | undefined): string => value?.toFixed(0) ?? '–';
  const lines = rows.map(({ name, bin, ms: wall, cpuMs }) => [
    BINS.length > 1 && bin !== undefined ? `${name}: ${bin}` : name,
    ms(wall?.median),
    ms(wall?.min),
    ms(wall?.max),
    ms(cpuMs?.median),
    ms(cpuMs?.min),
  ]);
  return writeTable([['ms to the first answer', 'median', 'min', 'max', 'CPU median', 'CPU min'], ...lines]);
}

installCleanup();
try {
  const upstream = startChild({ args: [UPSTREAM], core: 1 });
  const rows = await measureStarts(new URL(await readAnnouncement(upstream)), Number(values.runs));
  process.stdout.write(`${writeRows(rows)}\n`);
  const installed = values.install ? measureInstallation() : [];
  for (const [name, mib] of installed) process.stdout.write(`${mib.toFixed(2).padStart(7)} MiB  ${name}\n`);
  if (values.json !== undefined) {
    const report = { startedAt: new Date().toISOString(), machine: describeMachine(), rows, installed };
    writeFileSync(values.json, `${JSON.stringify(report, null, 1)}\n`);
  }
} finally {
  await stopAll();
}
