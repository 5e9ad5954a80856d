import type { ParseArgsConfig } from 'node:util';
import { isHttpUrl } from '../config/address.ts';
import type { ArgsResult } from './command.ts';
import { fault, printable } from './flags.ts';
import { headerLines, splitStrictly, wordsOf } from './strict-words.ts';

/** What `breakwater doctor` is asked for. */
export interface DoctorQuery {
  /** Undefined only with `list`. */
  readonly url: string | undefined;
  readonly list: boolean;
  readonly only: readonly string[];
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly allowedTools: readonly string[];
  readonly permitted: readonly string[];
  /** Requests a second; undefined for what suits the target. */
  readonly rate: number | undefined;
  readonly visitMs: number;
  readonly json: boolean;
  readonly junitPath: string | undefined;
  readonly htmlPath: string | undefined;
}

const OPTIONS = {
  list: { type: 'boolean' },
  only: { type: 'string', multiple: true },
  header: { type: 'string', short: 'H', multiple: true },
  'allow-tools': { type: 'string', multiple: true },
  'i-may-test': { type: 'string', multiple: true },
  rate: { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  junit: { type: 'string' },
  html: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options'];

const DEFAULT_TIMEOUT_S = 15;

/** Reads the words after `breakwater doctor`. Pure. */
export function parseDoctorArgs(argv: readonly string[]): ArgsResult {
  const split = splitStrictly('doctor', argv, OPTIONS);
  if (!split.ok) return split;
  const { values, positionals } = split;
  if (values.help === true) return { ok: true, command: { kind: 'help', topic: 'doctor' } };
  const [url, extra] = positionals;
  if (extra !== undefined) return fault(`doctor takes one address; ${printable(extra)} is too many`);
  if (url === undefined && values.list !== true) return fault('no server is named', 'Write: breakwater doctor <url>');
  if (url !== undefined && !isHttpUrl(url)) {
    return fault(`${printable(url)} is no http or https URL`, 'Write: breakwater doctor http://127.0.0.1:8808/mcp');
  }
  const lines = headerLines(values.header ?? []);
  if (!lines.ok) return lines;
  const rate = values.rate === undefined ? undefined : Number(values.rate);
  if (rate !== undefined && !(rate >= 0.1 && rate <= 1_000)) {
    return fault('--rate is no number of requests a second from 0.1 to 1000');
  }
  const timeoutS = Number(values.timeout ?? DEFAULT_TIMEOUT_S);
  if (!(timeoutS >= 1 && timeoutS <= 600)) return fault('--timeout is no number of seconds from 1 to 600');
  const query: DoctorQuery = {
    url,
    list: values.list === true,
    only: wordsOf(values.only),
    headers: lines.headers,
    allowedTools: wordsOf(values['allow-tools']),
    permitted: wordsOf(values['i-may-test']),
    rate,
    visitMs: Math.round(timeoutS * 1_000),
    json: values.json === true,
    junitPath: values.junit,
    htmlPath: values.html,
  };
  return { ok: true, command: { kind: 'doctor', query } };
}
