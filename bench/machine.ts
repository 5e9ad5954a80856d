import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { CAN_PIN } from './child.ts';
import { HAS_PROC } from './proc.ts';

/** Where and with what a run was done; stands at the top of every result file. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly undici: string;
  readonly breakwater: string;
  /** The commit, with `+` when files differ from it; absent outside a repository. */
  readonly commit: string | undefined;
  readonly pinned: boolean;
  readonly cpuTimesReadable: boolean;
  /** One-minute load average when the run began: what the neighbours were doing. */
  readonly loadAverage: number;
}

/** Describes this machine and the versions under test. */
export function describeMachine(): Machine {
  const gatewayRequire = createRequire(new URL('../packages/breakwater/package.json', import.meta.url));
  const [cpu] = cpus();
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    undici: readVersion(gatewayRequire('undici/package.json')),
    breakwater: readVersion(gatewayRequire('./package.json')),
    commit: describeCommit(),
    pinned: CAN_PIN,
    cpuTimesReadable: HAS_PROC,
    loadAverage: loadavg()[0] ?? 0,
  };
}

function readVersion(manifest: unknown): string {
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '?';
}

function describeCommit(): string | undefined {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      cwd: import.meta.dirname,
    }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    // No commit yet, or no git: a result without a commit is still a result.
    return undefined;
  }
}
