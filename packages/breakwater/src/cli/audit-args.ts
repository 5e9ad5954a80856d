import { parseArgs as tokenize } from 'node:util';
import type { ArgsResult } from './command.ts';
import { fault, printable } from './flags.ts';

/** Where the key of the audit log is found. */
export type AuditKeySource =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string };

/** What is asked of an audit log. */
export type AuditQuestion =
  | {
      readonly about: 'verify';
      readonly expected: { readonly seq: number; readonly mac: string | undefined } | undefined;
    }
  | { readonly about: 'session'; readonly id: string }
  /** `time` in ms since the epoch. */
  | { readonly about: 'at'; readonly time: number };

/** A question, the files that hold the answer, and how to print it. */
export interface AuditQuery {
  readonly question: AuditQuestion;
  readonly files: readonly string[];
  readonly key: AuditKeySource | undefined;
  readonly json: boolean;
}

const FLAGS = {
  'key-env': { type: 'string' },
  'key-file': { type: 'string' },
  'expect-last': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const USAGE = 'Run "breakwater audit --help" for its forms and flags.';
const EXPECTED = /^(\d{1,15})(?::([\w-]{43}))?$/;

/** Reads the words after `audit`. */
export function parseAuditArgs(argv: readonly string[]): ArgsResult {
  let parsed: ReturnType<typeof read>;
  try {
    parsed = read(argv);
  } catch (error) {
    // The tokenizer names the flag that it does not know or that lacks its value.
    return fault(printable(error instanceof Error ? error.message : String(error)), USAGE);
  }
  const { values, positionals } = parsed;
  if (values.help === true || positionals.length === 0) return { ok: true, command: { kind: 'help', topic: 'audit' } };
  const [verb, ...words] = positionals;
  const named = verb === 'verify' ? words : words.slice(1);
  const question = questionOf(verb, words[0], values['expect-last']);
  if (question.ok === false) return question;
  if (named.length === 0) return fault(`audit ${question.value.about} needs a file`, USAGE);
  const key = keyOf(values['key-env'], values['key-file']);
  if (key === undefined && question.value.about === 'verify')
    return fault('audit verify needs the key', 'Name it: --key-env NAME, or --key-file PATH.');
  const query: AuditQuery = { question: question.value, files: named, key, json: values.json === true };
  return { ok: true, command: { kind: 'audit', query } };
}

function read(argv: readonly string[]) {
  const [verb, id, ...rest] = argv;
  // A session id may begin with a dash, and no flag is as long.
  const isId = verb === 'session' && id !== undefined && /^-[\w-]{15,}$/.test(id);
  const { values, positionals } = tokenize({
    args: isId ? [verb, ...rest] : [...argv],
    options: FLAGS,
    allowPositionals: true,
    strict: true,
  });
  return { values, positionals: isId ? [verb, id, ...positionals.slice(1)] : positionals };
}

function keyOf(name: string | undefined, path: string | undefined): AuditKeySource | undefined {
  if (name !== undefined) return { kind: 'env', name };
  return path === undefined ? undefined : { kind: 'file', path };
}

type QuestionResult = { readonly ok: true; readonly value: AuditQuestion } | ReturnType<typeof fault>;

function questionOf(
  verb: string | undefined,
  word: string | undefined,
  expectLast: string | undefined,
): QuestionResult {
  if (expectLast !== undefined && verb !== 'verify') return fault('--expect-last goes with audit verify alone', USAGE);
  if (verb === 'verify') {
    if (expectLast === undefined) return { ok: true, value: { about: 'verify', expected: undefined } };
    const [, seq, mac] = EXPECTED.exec(expectLast) ?? [];
    if (seq === undefined)
      return fault('--expect-last is no record', 'Write the number, or number:mac as "audit verify" printed it.');
    return { ok: true, value: { about: 'verify', expected: { seq: Number(seq), mac } } };
  }
  if (verb === 'session') {
    if (word === undefined) return fault('audit session needs a session id', USAGE);
    return { ok: true, value: { about: 'session', id: word } };
  }
  if (verb === 'at') {
    const time = Date.parse(word ?? '');
    if (Number.isNaN(time)) return fault('audit at needs a time', 'Write it as 2026-11-21T02:14Z.');
    return { ok: true, value: { about: 'at', time } };
  }
  return fault(`audit knows no ${printable(verb ?? '')}`, USAGE);
}
