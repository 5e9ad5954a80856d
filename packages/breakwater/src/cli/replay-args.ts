import { isHttpUrl } from '../config/address.ts';
import type { ArgsResult } from './command.ts';
import { fault, printable } from './flags.ts';
import { headerLines, splitStrictly, wordsOf } from './strict-words.ts';

/** What `breakwater replay` is asked for. */
export interface ReplayQuery {
  /** The recording. */
  readonly path: string;
  readonly target: URL;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Hosts that the operator says may be played at. */
  readonly permitted: readonly string[];
  readonly callTools: boolean;
  /** Requests a second; undefined for what suits the target. */
  readonly rate: number | undefined;
  readonly concurrency: number;
  readonly answerMs: number;
  readonly json: boolean;
  readonly junitPath: string | undefined;
}

const OPTIONS = {
  header: { type: 'string', short: 'H', multiple: true },
  'allow-remote': { type: 'string', multiple: true },
  'call-tools': { type: 'boolean' },
  rate: { type: 'string' },
  concurrency: { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  junit: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const EXAMPLE = 'Write: breakwater replay recording.ndjson http://127.0.0.1:8808/mcp';

/** Reads the words after `breakwater replay`. Pure. */
export function parseReplayArgs(argv: readonly string[]): ArgsResult {
  const split = splitStrictly('replay', argv, OPTIONS);
  if (!split.ok) return split;
  const { values, positionals } = split;
  if (values.help === true) return { ok: true, command: { kind: 'help', topic: 'replay' } };
  const [path, url, extra] = positionals;
  if (path === undefined || url === undefined) return fault('replay needs a recording and a server', EXAMPLE);
  if (extra !== undefined) return fault(`replay takes one recording and one server; ${printable(extra)} is too many`);
  if (!isHttpUrl(url)) return fault(`${printable(url)} is no http or https URL`, EXAMPLE);
  const lines = headerLines(values.header ?? []);
  if (!lines.ok) return lines;
  const rate = values.rate === undefined ? undefined : Number(values.rate);
  if (rate !== undefined && !(rate >= 0.1 && rate <= 1_000))
    return fault('--rate is no number of requests a second from 0.1 to 1000');
  const concurrency = Number(values.concurrency ?? 4);
  if (!(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 64))
    return fault('--concurrency is no number of clients from 1 to 64');
  const timeoutS = Number(values.timeout ?? 15);
  if (!(timeoutS >= 1 && timeoutS <= 600)) return fault('--timeout is no number of seconds from 1 to 600');
  const query: ReplayQuery = {
    path,
    target: new URL(url),
    headers: lines.headers,
    permitted: wordsOf(values['allow-remote']),
    callTools: values['call-tools'] === true,
    rate,
    concurrency,
    answerMs: Math.round(timeoutS * 1_000),
    json: values.json === true,
    junitPath: values.junit,
  };
  return { ok: true, command: { kind: 'replay', query } };
}
