import { type ParseArgsConfig, parseArgs } from 'node:util';
import { HEADER_NAME_PATTERN, isHeaderValue } from '../config/address.ts';
import { suggest } from '../config/suggest.ts';
import { fault, printable } from './flags.ts';

/** Splits the words of one command by its own flags; an unknown flag is a fault with a suggestion. */
export function splitStrictly<T extends NonNullable<ParseArgsConfig['options']>>(
  command: string,
  argv: readonly string[],
  options: T,
) {
  const hint = `Run "breakwater ${command} --help" for its flags.`;
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
    return { ok: true, values, positionals } as const;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const [flag = ''] = /--?[\w-]+/.exec(error instanceof Error ? error.message : '') ?? [];
    if (code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return fault(`${flag} needs a value, or takes none`, hint);
    const names = Object.keys(options).map((name) => `--${name}`);
    return fault(`unknown flag ${printable(flag)}${suggest(flag, names)}`, hint);
  }
}

/** Header lines of `--header`; a fault never repeats the text: it is a credential more often than not. */
export function headerLines(lines: readonly string[]) {
  const headers: [string, string][] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trim();
    const value = line.slice(colon + 1).trim();
    if (!HEADER_NAME_PATTERN.test(name) || !isHeaderValue(value)) {
      return fault('--header is no header', `Write --header 'Authorization: Bearer …'.`);
    }
    headers.push([name, value]);
  }
  return { ok: true, headers } as const;
}

/** The words of a flag that takes several, separated by commas. */
export function wordsOf(values: readonly string[] | undefined): string[] {
  return (values ?? [])
    .flatMap((value) => value.split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
