import type { Command } from './cli/command.ts';
import { printConfig } from './config/effective.ts';
import { type ConfigIssue, formatIssues } from './config/issue.ts';
import { readConfigFile } from './config-file.ts';

/** Exit code of a file that cannot be used. */
const BAD_CONFIG = 1;

/** Says on stdout what a configuration file comes to, or on stderr what is wrong with it; resolves to the exit code. */
export async function runCheck(command: Extract<Command, { kind: 'check' | 'print-config' }>): Promise<number> {
  const { configPath: path } = command;
  if (command.kind === 'print-config') {
    const result = await readConfigFile(path, command.overrides);
    if (!result.ok) return complain(result.issues, path);
    process.stdout.write(printConfig(result.config));
    return 0;
  }
  const result = await readConfigFile(path);
  if (!result.ok) return complain(result.issues, path);
  if (result.warnings.length > 0) process.stderr.write(`${formatIssues(result.warnings, path)}\n`);
  const { upstreams, routes } = result.config;
  process.stdout.write(
    `${path}: valid, ${count(Object.keys(upstreams).length, 'upstream')}, ${count(routes.length, 'route')}\n`,
  );
  return 0;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function complain(issues: readonly ConfigIssue[], path: string): number {
  process.stderr.write(`${formatIssues(issues, path)}\n`);
  return BAD_CONFIG;
}
