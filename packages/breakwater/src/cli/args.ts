import { HEADER_NAME_PATTERN, isHeaderValue, isHttpUrl } from '../config/address.ts';
import type { ConfigOverrides } from '../config/overrides.ts';
import { closest } from '../config/suggest.ts';
import { parseAuditArgs } from './audit-args.ts';
import { type ArgsResult, COMMAND_NAMES, type CommandName, type Target } from './command.ts';
import { parseDoctorArgs } from './doctor-args.ts';
import { exampleOf, type Flag, fault, printable, splitWords, type Words } from './flags.ts';
import { type Env, overridesFrom } from './overrides-from.ts';
import { parseRecordArgs } from './record-args.ts';
import { parseReplayArgs } from './replay-args.ts';

/** The file that is read when none is named. */
const DEFAULT_CONFIG_PATH = 'breakwater.yaml';

const SETTINGS: readonly Flag[] = ['port', 'host', 'public-url', 'allow-host', 'allow-origin', 'log-level', 'workers'];
const ALLOWED: Readonly<Record<CommandName | 'run', readonly Flag[]>> = {
  run: ['upstream', 'header', ...SETTINGS],
  serve: ['config', ...SETTINGS],
  demo: SETTINGS,
  check: ['config'],
  'print-config': ['config', ...SETTINGS],
  audit: [],
  doctor: [],
  record: [],
  replay: [],
};

/** Reads a command line (without the program's own name). Pure: variables are read from `env` alone. */
export function parseArgs(argv: readonly string[], env: Env = {}): ArgsResult {
  const [start] = argv;
  // Before the flags are looked at: in "npx -y server" the flags belong to somebody else.
  if (
    start !== undefined &&
    !start.startsWith('-') &&
    start !== 'help' &&
    !COMMAND_NAMES.some((each) => each === start)
  ) {
    return unknownCommand(start, argv);
  }
  if (start === 'audit') return parseAuditArgs(argv.slice(1));
  if (start === 'doctor') return parseDoctorArgs(argv.slice(1));
  if (start === 'record') return parseRecordArgs(argv.slice(1));
  if (start === 'replay') return parseReplayArgs(argv.slice(1));
  const split = splitWords(argv);
  if (!split.ok) return split;
  const { words } = split;
  const [word, ...more] = words.words;
  const name = COMMAND_NAMES.find((each) => each === word);
  if (words.flags.has('help')) return { ok: true, command: { kind: 'help', ...(name && { topic: name }) } };
  if (words.flags.has('version')) return { ok: true, command: { kind: 'version' } };
  if (word === 'help') return parseHelp(more);
  if (word !== undefined && name === undefined) return unknownCommand(word, argv);
  const kind = name ?? (words.flags.has('config') ? 'serve' : 'run');
  for (const flag of words.flags.keys()) {
    if (!ALLOWED[kind].includes(flag)) {
      return fault(`--${flag} does not go with ${name ?? (kind === 'serve' ? '--config' : 'this command')}`);
    }
  }
  if (kind === 'check') return parseCheck(words, more);
  if (kind === 'doctor') return fault('doctor stands before its flags', 'Write: breakwater doctor <url>');
  if (kind === 'record') return fault('record stands before its flags', 'Write: breakwater record <url>');
  if (kind === 'replay') return fault('replay stands before its flags', 'Write: breakwater replay <file> <url>');
  if (kind === 'audit') return fault('audit stands before its flags', 'Write: breakwater audit verify <file>');
  const settings = overridesFrom(words, env);
  if (!settings.ok) return settings;
  if (kind === 'run') return parseRun(words, settings.overrides);
  if (words.rest !== undefined) return fault(`a command after -- does not go with ${name ?? '--config'}`);
  if (kind === 'demo') {
    const [extra] = more;
    if (extra !== undefined) return fault(`demo takes no ${printable(extra)}`);
    return { ok: true, command: { kind, overrides: settings.overrides } };
  }
  const configPath = findConfigPath(words, more);
  if (typeof configPath !== 'string') return configPath;
  return { ok: true, command: { kind, configPath, overrides: settings.overrides } };
}

function parseHelp(more: readonly string[]): ArgsResult {
  const [word] = more;
  if (word === undefined) return { ok: true, command: { kind: 'help' } };
  const topic = COMMAND_NAMES.find((each) => each === word);
  return topic === undefined ? unknownCommand(word, []) : { ok: true, command: { kind: 'help', topic } };
}

function unknownCommand(word: string, argv: readonly string[]): ArgsResult {
  const near = closest(word, COMMAND_NAMES);
  if (near !== undefined) return fault(`unknown command ${printable(word)}`, `Did you mean "breakwater ${near}"?`);
  // "breakwater npx -y server" is what one types first: show the two characters that are missing.
  const isUrl = isHttpUrl(word);
  const hint = isUrl ? `breakwater --upstream ${word}` : `breakwater -- ${argv.join(' ')}`;
  return fault(
    `unknown command ${printable(word)}`,
    hint.length > 200 || /[\x00-\x1f\x7f-\x9f]/.test(hint) || argv.length === 0
      ? undefined
      : `To serve this ${isUrl ? 'server' : 'program'}, write: ${hint}`,
  );
}

function parseCheck(words: Words, more: readonly string[]): ArgsResult {
  const configPath = findConfigPath(words, more);
  if (typeof configPath !== 'string') return configPath;
  return { ok: true, command: { kind: 'check', configPath } };
}

/** The file named by -c or by a word, but not by both. */
function findConfigPath(words: Words, more: readonly string[]): string | ReturnType<typeof fault> {
  const named = [...(words.flags.get('config') ?? []), ...more];
  if (named.length > 1) return fault('more than one configuration file is named', 'One gateway has one file.');
  return named[0] ?? DEFAULT_CONFIG_PATH;
}

function parseRun({ flags, rest }: Words, overrides: ConfigOverrides): ArgsResult {
  const urls = flags.get('upstream') ?? [];
  const [url] = urls;
  if (url === undefined) {
    if (flags.has('header')) return fault('--header needs --upstream', 'A header is sent to a remote server.');
    if (rest === undefined) return flags.size === 0 ? { ok: true, command: { kind: 'help' } } : nothingToServe();
    const [command, ...args] = rest;
    if (command === undefined) return fault('no command after --', 'Write: breakwater -- npx -y some-mcp-server');
    return { ok: true, command: { kind: 'run', target: { kind: 'stdio', command, args }, overrides } };
  }
  if (urls.length > 1 || rest !== undefined) {
    return fault(
      'more than one server is named',
      'Several servers go into a file: breakwater serve -c breakwater.yaml',
    );
  }
  if (!isHttpUrl(url)) return fault('--upstream is no http or https URL', `Write --upstream ${exampleOf('upstream')}.`);
  const headers = parseHeaders(flags.get('header') ?? []);
  if (!headers.ok) return headers;
  const target: Target = { kind: 'remote', url, headers: headers.headers };
  return { ok: true, command: { kind: 'run', target, overrides } };
}

function nothingToServe(): ArgsResult {
  return fault(
    'no server is named',
    'Write: breakwater -- <command>, or --upstream <url>, or breakwater serve -c <file>',
  );
}

type HeadersResult =
  | { readonly ok: true; readonly headers: Readonly<Record<string, string>> }
  | ReturnType<typeof fault>;

// The message never repeats the text: it is a credential more often than not.
function parseHeaders(lines: readonly string[]): HeadersResult {
  const headers = new Map<string, string>();
  for (const [index, line] of lines.entries()) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trim();
    const value = line.slice(colon + 1).trim();
    if (!HEADER_NAME_PATTERN.test(name) || !isHeaderValue(value)) {
      const which = lines.length > 1 ? ` (number ${index + 1})` : '';
      return fault(`--header${which} is no header`, `Write --header ${exampleOf('header')}.`);
    }
    headers.set(name, value);
  }
  return { ok: true, headers: Object.fromEntries(headers) };
}
