import { parseArgs as tokenize } from 'node:util';
import { suggest } from '../config/suggest.ts';

/** Every flag: whether it takes a value, and its short form. */
export const FLAGS = {
  config: { type: 'string', short: 'c' },
  upstream: { type: 'string', short: 'u' },
  header: { type: 'string', short: 'H' },
  port: { type: 'string', short: 'p' },
  host: { type: 'string' },
  'public-url': { type: 'string' },
  'allow-host': { type: 'string' },
  'allow-origin': { type: 'string' },
  'log-level': { type: 'string' },
  workers: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

/** A flag's long name. */
export type Flag = keyof typeof FLAGS;

/** A command line taken apart: nothing is judged yet but the flags' own form. */
export interface Words {
  /** Each flag that stood there, with its values in their order; a flag without value has an empty list. */
  readonly flags: ReadonlyMap<Flag, readonly string[]>;
  /** Words that are no flags, up to `--`. */
  readonly words: readonly string[];
  /** What stands after `--`; undefined when there is no `--`. */
  readonly rest: readonly string[] | undefined;
}

type Fault = { readonly ok: false; readonly message: string; readonly hint: string };

function isFlag(name: string): name is Flag {
  return Object.hasOwn(FLAGS, name);
}

/** Splits a command line into flags and words; an unknown flag or a missing value is a fault. */
export function splitWords(argv: readonly string[]): { readonly ok: true; readonly words: Words } | Fault {
  const end = argv.indexOf('--');
  const before = end < 0 ? argv : argv.slice(0, end);
  const { tokens } = tokenize({
    args: [...before],
    options: FLAGS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags = new Map<Flag, string[]>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    if (!isFlag(name)) return unknownFlag(rawName);
    const values = flags.get(name) ?? [];
    flags.set(name, values);
    if (FLAGS[name].type === 'boolean') {
      if (value !== undefined) return fault(`${rawName} takes no value`);
      continue;
    }
    // "--host --port 80": the value was forgotten. One that really begins with a dash can be written --flag=value.
    if (value === undefined || value === '' || (!inlineValue && value.startsWith('-'))) {
      return fault(`${rawName} needs a value`, `Write ${rawName} ${exampleOf(name)}.`);
    }
    values.push(value);
  }
  return { ok: true, words: { flags, words, rest: end < 0 ? undefined : argv.slice(end + 1) } };
}

function unknownFlag(rawName: string): Fault {
  const names = Object.keys(FLAGS).map((name) => `--${name}`);
  return fault(`unknown flag ${printable(rawName)}${suggest(rawName, names)}`);
}

/** A fault with its hint; the help page when there is no better one. */
export function fault(message: string, hint = 'Run "breakwater --help" for all commands and flags.'): Fault {
  return { ok: false, message, hint };
}

/** A word of the command line as it may be printed: no control characters, not endless. */
export function printable(word: string): string {
  const clean = word.replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
  return JSON.stringify(clean.length > 60 ? `${clean.slice(0, 60)}…` : clean);
}

const EXAMPLES: Readonly<Partial<Record<Flag, string>>> = {
  config: 'breakwater.yaml',
  upstream: 'https://example.com/mcp',
  header: `'Authorization: Bearer \${TOKEN}'`,
  port: '8808',
  host: '0.0.0.0',
  'public-url': 'https://mcp.example.com',
  'allow-host': 'mcp.example.com',
  'allow-origin': 'https://app.example.com',
  'log-level': 'debug',
  workers: '2',
};

/** A value the flag could have. */
export function exampleOf(flag: Flag): string {
  return EXAMPLES[flag] ?? '';
}
