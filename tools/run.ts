import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Runs a program of `node_modules/.bin` in the repository's root with our output; ends this process with its code when it fails. */
export function run(program: string, args: readonly string[]): void {
  const code = attempt(program, args);
  if (code !== 0) process.exit(code);
}

/** Like {@link run}, but returns the exit code. A program that could not be started counts as 127. */
export function attempt(program: string, args: readonly string[]): number {
  const path = [join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);
  const result = spawnSync(program, args, { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: path } });
  if (result.error !== undefined) process.stderr.write(`${program}: ${result.error.message}\n`);
  return result.status ?? 127;
}
