import { isHttpUrl, LISTEN_HOST_PATTERN } from '../config/address.ts';
import type { ArgsResult } from './command.ts';
import { fault, printable } from './flags.ts';
import { splitStrictly } from './strict-words.ts';

/** What `breakwater record` is asked for. */
export interface RecordQuery {
  readonly target: URL;
  readonly host: string;
  readonly port: number;
  readonly outPath: string;
  readonly mostBytes: number;
  readonly keepValues: boolean;
  readonly force: boolean;
}

const OPTIONS = {
  listen: { type: 'string' },
  out: { type: 'string', short: 'o' },
  'max-bytes': { type: 'string' },
  'keep-values': { type: 'boolean' },
  force: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const DEFAULT_LISTEN = '127.0.0.1:8810';
const DEFAULT_OUT = 'recording.ndjson';
const DEFAULT_BYTES = 64 * 1_048_576;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1_024, m: 1_048_576, g: 1_073_741_824 };
const EXAMPLE = 'Write: breakwater record http://127.0.0.1:3000/mcp';

/** Reads the words after `breakwater record`. Pure. */
export function parseRecordArgs(argv: readonly string[]): ArgsResult {
  const split = splitStrictly('record', argv, OPTIONS);
  if (!split.ok) return split;
  const { values, positionals } = split;
  if (values.help === true) return { ok: true, command: { kind: 'help', topic: 'record' } };
  const [url, extra] = positionals;
  if (extra !== undefined) return fault(`record takes one address; ${printable(extra)} is too many`);
  if (url === undefined) return fault('no server is named', EXAMPLE);
  if (!isHttpUrl(url)) return fault(`${printable(url)} is no http or https URL`, EXAMPLE);
  const target = new URL(url);
  if (target.username + target.password !== '')
    return fault('the address holds credentials', 'Let the client send them.');
  const [, host = '', port = ''] = /^(.*):(\d{1,5})$/.exec(values.listen ?? DEFAULT_LISTEN) ?? [];
  if (!LISTEN_HOST_PATTERN.test(host) || Number(port) > 65_535)
    return fault('--listen is no host:port', `Write --listen ${DEFAULT_LISTEN}.`);
  const [, number = '', unit = ''] = /^(\d{1,12})([kmg]?)$/i.exec(values['max-bytes'] ?? String(DEFAULT_BYTES)) ?? [];
  const mostBytes = Number(number) * (UNITS[unit.toLowerCase()] ?? 1);
  if (!(mostBytes >= 1)) return fault('--max-bytes is no size', 'Write --max-bytes 64m.');
  const query: RecordQuery = {
    target,
    host,
    port: Number(port),
    outPath: values.out ?? DEFAULT_OUT,
    mostBytes,
    keepValues: values['keep-values'] === true,
    force: values.force === true,
  };
  return { ok: true, command: { kind: 'record', query } };
}
