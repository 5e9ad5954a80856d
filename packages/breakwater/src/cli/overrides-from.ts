import { isIP } from 'node:net';
import { HOST_PATTERN, isPublicUrl, LISTEN_HOST_PATTERN, ORIGIN_PATTERN } from '../config/address.ts';
import type { ConfigOverrides } from '../config/overrides.ts';
import { closest } from '../config/suggest.ts';
import { exampleOf, type Flag, fault, printable, type Words } from './flags.ts';

/** Environment variables, as `process.env` has them. */
export type Env = Readonly<Record<string, string | undefined>>;

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

type Result =
  | { readonly ok: true; readonly overrides: ConfigOverrides }
  | { readonly ok: false; readonly message: string; readonly hint: string };

/** A setting as it was given, and by what. */
interface Given {
  readonly value: string;
  readonly by: string;
}

/** What flags and environment variables say about the configuration: a flag wins over a variable. */
export function overridesFrom({ flags }: Words, env: Env): Result {
  const port = given(flags, 'port', env, ['BREAKWATER_PORT', 'PORT']);
  if (port !== undefined && !isPort(port.value)) return reject(port, 'a port: a number from 0 to 65535');
  const host = given(flags, 'host', env, ['BREAKWATER_HOST']) ?? plainHost(env);
  if (host !== undefined && !LISTEN_HOST_PATTERN.test(host.value)) return reject(host, 'an address, such as 127.0.0.1');
  const level = given(flags, 'log-level', env, ['LOG_LEVEL']);
  const logLevel = level?.value.toLowerCase();
  if (level !== undefined && logLevel !== undefined && !LOG_LEVELS.includes(logLevel)) {
    const near = closest(logLevel, LOG_LEVELS);
    return reject(level, `one of ${LOG_LEVELS.join(', ')}`, near === undefined ? undefined : `Did you mean ${near}?`);
  }
  const publicUrl = given(flags, 'public-url', env, []);
  if (publicUrl !== undefined && !isPublicUrl(publicUrl.value)) {
    return reject(publicUrl, 'an http or https URL without query, such as https://mcp.example.com');
  }
  const workers = given(flags, 'workers', env, ['BREAKWATER_WORKERS']);
  if (workers !== undefined && !/^([1-9]|[1-5]\d|6[0-4])$/.test(workers.value)) {
    return reject(workers, 'a number of processes from 1 to 64');
  }
  const hosts = flags.get('allow-host') ?? [];
  const badHost = hosts.find((value) => !HOST_PATTERN.test(value));
  if (badHost !== undefined) return reject({ value: badHost, by: '--allow-host' }, 'a host name, or "*"');
  const origins = flags.get('allow-origin') ?? [];
  const badOrigin = origins.find((value) => !ORIGIN_PATTERN.test(value));
  if (badOrigin !== undefined) {
    return reject({ value: badOrigin, by: '--allow-origin' }, 'an origin such as https://app.example.com, or "*"');
  }
  return {
    ok: true,
    overrides: {
      ...((port !== undefined || host !== undefined) && {
        listen: { ...(host && { host: host.value }), ...(port && { port: Number(port.value) }) },
      }),
      ...(publicUrl && { publicUrl: publicUrl.value }),
      ...(logLevel !== undefined && { log: { level: logLevel } }),
      ...(workers !== undefined && { workers: Number(workers.value) }),
      ...(hosts.length > 0 && { allowedHosts: hosts }),
      ...(origins.length > 0 && { allowedOrigins: origins }),
    },
  };
}

/** The flag's last value, otherwise the first variable that is set to something. */
function given(flags: Words['flags'], flag: Flag, env: Env, variables: readonly string[]): Given | undefined {
  const value = flags.get(flag)?.at(-1);
  if (value !== undefined) return { value, by: `--${flag}` };
  for (const name of variables) {
    const set = env[name];
    if (set !== undefined && set !== '') return { value: set, by: name };
  }
  return undefined;
}

/** HOST counts only when it is an address: shells set it to the machine's name, and conda to a compiler's triplet. */
function plainHost(env: Env): Given | undefined {
  const value = env['HOST'] ?? '';
  return isIP(value) !== 0 || value === 'localhost' ? { value, by: 'HOST' } : undefined;
}

function isPort(text: string): boolean {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535;
}

function reject({ value, by }: Given, expected: string, hint?: string) {
  const flag = by.startsWith('--')
    ? `Write ${by} ${exampleOf(by.slice(2) as Flag)}.`
    : `It comes from the environment.`;
  return fault(`${by} is ${printable(value)}; expected ${expected}`, hint ?? flag);
}
