import type { ConfigIssue, Path } from './issue.ts';
import { foreignReference, hasReference } from './template.ts';

/** A file of the ecosystem's shape, said in ours. */
export interface Translation {
  /** Configuration input, still to be validated. */
  readonly input: Record<string, unknown>;
  readonly issues: ConfigIssue[];
  readonly warnings: ConfigIssue[];
  /** The path in the file for a path in `input`. */
  origin(path: Path): Path;
}

type Fields = Readonly<Record<string, unknown>>;

const TRANSPORTS: Readonly<Record<string, string>> = {
  http: 'streamable-http',
  'streamable-http': 'streamable-http',
  streamablehttp: 'streamable-http',
  streamable_http: 'streamable-http',
  sse: 'sse',
};
/** Keys that say how the other program treats the server; nothing is lost when we do not read them. */
const QUIET_KEYS = new Set(['$schema', 'name', 'description', 'autoApprove', 'alwaysAllow', 'trust', 'dev', 'gallery']);
const QUIET_ROOT_KEYS = new Set(['$schema', 'inputs']);
/** The same thing under the names other programs give it. */
const ALIASES: Readonly<Record<string, string>> = {
  serverUrl: 'url',
  httpUrl: 'url',
  transport: 'type',
  transportType: 'type',
  excludeTools: 'disabledTools',
};

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The key that holds the servers, when a value has the ecosystem's `mcpServers` (or VS Code's `servers`) shape. */
export function serversKey(value: unknown): 'mcpServers' | 'servers' | undefined {
  if (!isFields(value) || 'upstreams' in value) return undefined;
  if (isFields(value['mcpServers'])) return 'mcpServers';
  return isFields(value['servers']) ? 'servers' : undefined;
}

/** Turns `{"mcpServers": {…}}` into configuration input. Tolerates every key and warns of those it does not use. */
export function translateServers(root: Fields, key: 'mcpServers' | 'servers'): Translation {
  const section = root[key];
  const servers = isFields(section) ? section : {};
  const issues: ConfigIssue[] = [];
  const warnings: ConfigIssue[] = [];
  const originals = new Map<string, string>();
  const renamed = new Map<string, ReadonlyMap<string, string>>();
  const upstreams: Record<string, unknown> = {};
  for (const [original, fields] of Object.entries(servers)) {
    const name = usableName(
      original,
      (other) => originals.has(other) || (other !== original && Object.hasOwn(servers, other)),
    );
    if (name !== original) warnings.push({ message: `served under the name "${name}"`, path: [key, original] });
    originals.set(name, original);
    const server = translateServer(fields, [key, original], issues, warnings);
    upstreams[name] = server.upstream;
    renamed.set(name, server.sources);
  }
  for (const other of Object.keys(root)) {
    if (other !== key && !QUIET_ROOT_KEYS.has(other)) warnings.push({ message: 'not used', path: [other] });
  }
  const origin = ([section, name, field, ...rest]: Path): Path => {
    if (section !== 'upstreams' || typeof name !== 'string') return [];
    const server = [key, originals.get(name) ?? name];
    return field === undefined ? server : [...server, renamed.get(name)?.get(String(field)) ?? field, ...rest];
  };
  return { input: { upstreams }, issues, warnings, origin };
}

function translateServer(fields: unknown, path: Path, issues: ConfigIssue[], warnings: ConfigIssue[]) {
  const sources = new Map<string, string>();
  if (!isFields(fields)) return { upstream: fields, sources };
  const upstream: Record<string, unknown> = {};
  let transport: string | undefined;
  const put = (key: string, source: string, value: unknown) => {
    upstream[key] = value;
    sources.set(key, source);
  };
  for (const [source, value] of Object.entries(fields)) {
    const key = ALIASES[source] ?? source;
    const at = [...path, source];
    if (value === null || value === undefined) continue;
    if (key === 'command' || key === 'url' || key === 'cwd') put(key, source, reference(value, at, issues));
    else if (key === 'args') put(key, source, eachItem(value, at, issues));
    else if (key === 'env' || key === 'headers') put(key, source, eachField(value, at, issues));
    else if (key === 'disabled' || key === 'disabledTools') put(key, source, value);
    else if (key === 'enabled') put('disabled', source, value === false);
    else if (key === 'type') transport = readTransport(value, at, issues);
    else if (!QUIET_KEYS.has(source)) warnings.push({ message: notUsed(source), path: at });
  }
  dropOtherKind(upstream, path, sources, warnings);
  if (transport !== undefined && upstream['url'] !== undefined) put('transport', 'type', transport);
  // Gemini CLI's httpUrl means Streamable HTTP; the same program's plain url means SSE, but `auto` finds that out.
  if (sources.get('url') === 'httpUrl') upstream['transport'] = 'streamable-http';
  return { upstream, sources };
}

/** Some programs write empty `args`, `env` or `headers` for every server; the other kind's empty ones mean nothing. */
function dropOtherKind(
  upstream: Record<string, unknown>,
  path: Path,
  sources: ReadonlyMap<string, string>,
  warnings: ConfigIssue[],
): void {
  if (upstream['command'] !== undefined && upstream['url'] !== undefined) return;
  const foreign = upstream['url'] === undefined ? ['headers'] : ['args', 'env', 'cwd'];
  for (const key of foreign) {
    const value = upstream[key];
    if (value === undefined) continue;
    delete upstream[key];
    const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    if (!isEmpty)
      warnings.push({ message: 'not used for this kind of server', path: [...path, sources.get(key) ?? key] });
  }
}

function notUsed(key: string): string {
  // An allow-list that is not read serves more than its author wanted: say so in full.
  if (key === 'includeTools' || key === 'enabledTools' || key === 'tools') {
    return 'not used: ALL tools of this server are served; name the unwanted ones in "disabledTools"';
  }
  return key === 'envFile' ? 'not used: set these variables in "env"' : 'not used';
}

function readTransport(value: unknown, path: Path, issues: ConfigIssue[]): string | undefined {
  const word = typeof value === 'string' ? value.toLowerCase() : '';
  if (word === 'stdio' || word === 'local' || word === 'remote') return undefined;
  const transport = Object.hasOwn(TRANSPORTS, word) ? TRANSPORTS[word] : undefined;
  if (transport === undefined) issues.push({ message: 'expected "stdio", "sse", "http" or "streamable-http"', path });
  return transport;
}

function eachItem(value: unknown, path: Path, issues: ConfigIssue[]): unknown {
  return Array.isArray(value) ? value.map((item, index) => reference(item, [...path, index], issues)) : value;
}

function eachField(value: unknown, path: Path, issues: ConfigIssue[]): unknown {
  if (!isFields(value)) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(entries.map(([key, field]) => [key, reference(field, [...path, key], issues)]));
}

/** A text with `${…}` in it becomes a template; numbers and booleans, which JSON files like to hold, become text. */
function reference(value: unknown, path: Path, issues: ConfigIssue[]): unknown {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string' || !hasReference(value)) return value;
  const foreign = foreignReference(value);
  if (foreign !== undefined) {
    issues.push({ message: `only an editor can fill in \${${foreign}}; use \${env:NAME} and set that variable`, path });
  }
  return { template: value };
}

/** The name itself when the gateway can use it, otherwise the nearest usable one that is still free. */
function usableName(original: string, isTaken: (name: string) => boolean): string {
  const base = /^[A-Za-z0-9_-]{1,32}$/.test(original)
    ? original
    : original
        .replace(/[^A-Za-z0-9_-]+/g, '-')
        .replace(/^-+|-+$/g, '')
        .slice(0, 32) || 'server';
  if (!isTaken(base)) return base;
  for (let number = 2; ; number++) {
    const name = `${base.slice(0, 31 - String(number).length)}-${number}`;
    if (!isTaken(name)) return name;
  }
}
