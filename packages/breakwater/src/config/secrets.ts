import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isHeaderValue, isHttpUrl } from './address.ts';
import { type CertificateFiles, readCertificate } from './certificate.ts';
import type { Text } from './fields.ts';
import type { ConfigIssue, Path, Position } from './issue.ts';
import { describeReadError } from './read-error.ts';
import type { Config } from './schema.ts';
import type { Audit } from './schema-audit.ts';
import type { Fleet } from './schema-fleet.ts';
import type { Listen, Tls } from './schema-listen.ts';
import type { InProcessUpstream, RemoteUpstream, StdioUpstream } from './schema-upstream.ts';
import { splitTemplate } from './template.ts';

/** A type whose references have become the texts they stood for. */
type Resolved<T, K extends keyof T> = Omit<T, K> & { [P in K]: ResolvedValue<T[P]> };
type ResolvedValue<V> = V extends Text
  ? string
  : V extends readonly Text[]
    ? string[]
    : V extends Readonly<Record<string, Text>>
      ? Record<string, string>
      : V;

/** A stdio upstream ready to be started. */
export type ResolvedStdioUpstream = Resolved<StdioUpstream, 'command' | 'args' | 'env' | 'cwd'>;
/** A remote upstream ready to be reached. */
export type ResolvedRemoteUpstream = Resolved<RemoteUpstream, 'url' | 'headers'>;
/** An upstream ready for use: `kind` says which. */
export type ResolvedUpstream = ResolvedStdioUpstream | ResolvedRemoteUpstream | InProcessUpstream;
/** A configuration ready for use: no references, no disabled upstreams. Never print or log it; `printConfig` takes the `Config`. */
export type ResolvedConfig = Omit<Config, 'upstreams' | 'audit' | 'listen' | 'store' | 'fleet'> & {
  listen: ResolvedListen;
  upstreams: Record<string, ResolvedUpstream>;
  audit?: ResolvedAudit | undefined;
  /** Address of the store, with its password. */
  store?: string | undefined;
  fleet?: ResolvedFleet | undefined;
};
/** Where clients connect, with the certificate itself. */
export type ResolvedListen = Omit<Listen, 'tls'> & { readonly tls?: ResolvedTls | undefined };
/** The certificate and its key as PEM texts, and where they came from. */
export type ResolvedTls = Omit<Tls, 'cert' | 'key'> & CertificateFiles & { readonly files: CertificateFiles };
/** The audit log's settings with its key, and the file's whole path. */
export type ResolvedAudit = Omit<Audit, 'key'> & { readonly key: string };
/** The fleet's settings with its secrets, the one in use first. */
export type ResolvedFleet = Omit<Fleet, 'secret'> & { readonly secrets: readonly [string, ...string[]] };

/** Where references are looked up. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a secret file as text; the file system's when absent. */
  readonly readFile?: (path: string) => Promise<string>;
  /** Folder that relative paths start from: the configuration file's. The working directory when absent. */
  readonly baseDir?: string;
  /** Gives issues their place: the `locate` of the result the configuration came from. */
  readonly locate?: (path: Path) => Position;
}

type Report = (path: Path, message: string) => void;

/** Fewer characters could be guessed, and with them everything that is hashed, chained or sealed by the key. */
const LEAST_KEY_CHARS = 32;

/** Replaces every reference of the enabled upstreams by its value, or says which variables and files are missing. Never rejects. */
export async function resolveSecrets(
  config: Config,
  sources: SecretSources,
): Promise<
  { readonly ok: true; readonly config: ResolvedConfig } | { readonly ok: false; readonly issues: ConfigIssue[] }
> {
  const issues: ConfigIssue[] = [];
  const report: Report = (path, message) => issues.push({ message, path, ...sources.locate?.(path) });
  const upstreams: Record<string, ResolvedUpstream> = {};
  for (const [name, upstream] of Object.entries(config.upstreams)) {
    if (upstream.disabled) continue;
    const path = ['upstreams', name];
    if (upstream.kind === 'stdio') upstreams[name] = await resolveStdio(upstream, path, sources, report);
    else if (upstream.kind === 'remote') upstreams[name] = await resolveRemote(upstream, path, sources, report);
    else upstreams[name] = upstream;
  }
  const audit = config.audit === undefined ? undefined : await resolveAudit(config.audit, sources, report);
  const store = config.store === undefined ? undefined : await resolveText(config.store, ['store'], sources, report);
  const fleet = config.fleet === undefined ? undefined : await resolveFleet(config.fleet, sources, report);
  const { tls: written, ...listen } = config.listen;
  const tls = written === undefined ? undefined : await resolveTls(written, sources, report);
  if (issues.length > 0) return { ok: false, issues };
  const routes = config.routes.map((route) => ({
    ...route,
    upstreams: route.upstreams.filter((name) => Object.hasOwn(upstreams, name)),
  }));
  return { ok: true, config: { ...config, listen: { ...listen, tls }, upstreams, routes, audit, store, fleet } };
}

/** The certificate, or undefined after a report. */
async function resolveTls(tls: Tls, sources: SecretSources, report: Report): Promise<ResolvedTls | undefined> {
  const baseDir = sources.baseDir ?? '.';
  const files = { cert: resolve(baseDir, tls.cert), key: resolve(baseDir, tls.key) };
  const read = await readCertificate(files);
  if (read.ok) return { ...tls, cert: read.cert, key: read.key, files };
  report(['listen', 'tls', read.field], read.message);
  return undefined;
}

async function resolveFleet(fleet: Fleet, sources: SecretSources, report: Report): Promise<ResolvedFleet> {
  const { secret, ...settings } = fleet;
  const isList = Array.isArray(secret);
  const [first, ...others] = isList ? secret : [secret];
  const read = (reference: Text | undefined, index: number): Promise<string> =>
    resolveKey(reference ?? '', isList ? ['fleet', 'secret', index] : ['fleet', 'secret'], sources, report);
  const secrets = await Promise.all(others.map((each, index) => read(each, index + 1)));
  return { ...settings, secrets: [await read(first, 0), ...secrets] };
}

/** A secret that things are sealed or signed with; short ones are reported. */
async function resolveKey(reference: Text, path: Path, sources: SecretSources, report: Report): Promise<string> {
  let isFound = true;
  const text = await resolveText(reference, path, sources, (where, message) => {
    isFound = false;
    report(where, message);
  });
  const key = text.trim();
  if (isFound && key.length < LEAST_KEY_CHARS) report(path, `the key is shorter than ${LEAST_KEY_CHARS} characters`);
  return key;
}

async function resolveAudit(audit: Audit, sources: SecretSources, report: Report): Promise<ResolvedAudit> {
  const key = await resolveKey(audit.key, ['audit', 'key'], sources, report);
  return { ...audit, key, file: resolve(sources.baseDir ?? '.', audit.file) };
}

async function resolveStdio(
  upstream: StdioUpstream,
  path: Path,
  sources: SecretSources,
  report: Report,
): Promise<ResolvedStdioUpstream> {
  const { command, args, env, cwd, ...rest } = upstream;
  const resolved = {
    ...rest,
    command: await resolveText(command, [...path, 'command'], sources, report),
    args: await Promise.all(args.map((each, index) => resolveText(each, [...path, 'args', index], sources, report))),
    env: await resolveRecord(env, [...path, 'env'], sources, report),
    cwd: cwd === undefined ? undefined : await resolveText(cwd, [...path, 'cwd'], sources, report),
  };
  if (resolved.command === '') report([...path, 'command'], 'the command is empty');
  return resolved;
}

async function resolveRemote(
  upstream: RemoteUpstream,
  path: Path,
  sources: SecretSources,
  report: Report,
): Promise<ResolvedRemoteUpstream> {
  const url = await resolveText(upstream.url, [...path, 'url'], sources, report);
  const headers = await resolveRecord(upstream.headers, [...path, 'headers'], sources, report);
  if (url !== '' && !isHttpUrl(url)) report([...path, 'url'], 'the value is no http or https URL');
  for (const [header, value] of Object.entries(headers)) {
    // A secret file with a second line would otherwise write a header of its own.
    if (value.trim() === '' && upstream.headers[header] !== '')
      report([...path, 'headers', header], 'the value is empty');
    if (!isHeaderValue(value))
      report([...path, 'headers', header], 'the value holds a line break or a control character');
  }
  return { ...upstream, url, headers };
}

async function resolveRecord(
  record: Readonly<Record<string, Text>>,
  path: Path,
  sources: SecretSources,
  report: Report,
): Promise<Record<string, string>> {
  const entries = Object.entries(record).map(
    async ([key, value]) => [key, await resolveText(value, [...path, key], sources, report)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** The text, or an empty one after a report. */
async function resolveText(text: Text, path: Path, sources: SecretSources, report: Report): Promise<string> {
  if (typeof text === 'string') return text;
  if ('env' in text) return readVariable(text.env, undefined, path, sources, report);
  if ('template' in text) {
    return splitTemplate(text.template)
      .map((part) =>
        part.kind === 'literal' ? part.text : readVariable(part.name, part.fallback, path, sources, report),
      )
      .join('');
  }
  try {
    const read = sources.readFile ?? ((file: string) => readFile(file, 'utf8'));
    return (await read(resolve(sources.baseDir ?? '.', text.file))).replace(/\r?\n$/, '');
  } catch (error) {
    report(path, `${text.file}: ${describeReadError(error)}`);
    return '';
  }
}

function readVariable(
  name: string,
  fallback: string | undefined,
  path: Path,
  sources: SecretSources,
  report: Report,
): string {
  const value = Object.hasOwn(sources.env, name) ? sources.env[name] : undefined;
  // As in a shell, `:-` also stands in for a variable that is set to nothing.
  if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
  if (value === undefined) report(path, `the environment variable ${name} is not set`);
  return value ?? '';
}
