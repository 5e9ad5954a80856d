import { stringify } from 'yaml';
import type { Text } from './fields.ts';
import type { Config } from './schema.ts';
import type { Upstream } from './schema-upstream.ts';
import { isSecretName } from './secret-names.ts';
import { splitTemplate } from './template.ts';
import { formatDuration, formatSize } from './units.ts';

const REDACTED = '[redacted]';

/** The configuration as YAML that could be loaded again: every default filled in, nothing secret in it. */
export function printConfig(config: Config): string {
  const { upstreams, ...settings } = config;
  const shown = Object.entries(upstreams).map(([name, upstream]) => [name, showUpstream(upstream)]);
  const { version, listen, publicUrl, trustedProxies, forwardedHeaders, ...others } = settings;
  const { allowedHosts, allowedOrigins, admin, routes, store, ...rest } = others;
  const proxies = { trustedProxies, forwardedHeaders };
  const first = { version, listen, publicUrl, ...proxies, allowedHosts, allowedOrigins, admin };
  const kept = store === undefined ? {} : { store: showUrl(store) };
  return stringify(toFileForm({ ...first, upstreams: Object.fromEntries(shown), routes, ...rest, ...kept }), {
    aliasDuplicateObjects: false,
    lineWidth: 120,
  });
}

/** Gives numbers their units back: `idleMs: 1800000` becomes `idle: 30m`, `bodyBytes: 4194304` becomes `bodyBytes: 4MiB`. */
function toFileForm(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toFileForm);
  if (typeof value === 'function') return '[function]';
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(
    entries.map(([key, field]) => {
      if (typeof field === 'number' && key.endsWith('Ms')) return [key.slice(0, -2), formatDuration(field)];
      if (typeof field === 'number' && key.endsWith('Bytes')) return [key, formatSize(field)];
      return [key, toFileForm(field)];
    }),
  );
}

function showUpstream(upstream: Upstream): Readonly<Record<string, unknown>> {
  const { kind: _, ...shown } = upstream;
  if (upstream.kind === 'stdio') return { ...shown, args: showArgs(upstream.args), env: showSecrets(upstream.env) };
  if (upstream.kind === 'remote')
    return { ...shown, url: showUrl(upstream.url), headers: showSecrets(upstream.headers) };
  return shown;
}

/** Any literal may be a secret here: a variable named DATABASE_URL holds a password as well. */
function showSecrets(record: Readonly<Record<string, Text>>): Readonly<Record<string, Text>> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, showSecret(value)]));
}

function showSecret(value: Text): Text {
  if (typeof value === 'string') return value === '' ? '' : REDACTED;
  return 'template' in value ? { template: showTemplate(value.template, isAuthScheme) } : value;
}

function isAuthScheme(literal: string): boolean {
  return /^(Bearer|Basic|Token|ApiKey)? ?$/i.test(literal);
}

/** A template with its variables and without their fallbacks; literals only when they are known to be harmless. */
function showTemplate(template: string, isHarmless: (literal: string) => boolean): string {
  return splitTemplate(template)
    .map((part) => {
      if (part.kind === 'literal') return isHarmless(part.text) ? part.text : REDACTED;
      return part.fallback === undefined ? `\${${part.name}}` : `\${${part.name}:-${REDACTED}}`;
    })
    .join('');
}

/** Hides what follows a flag such as `--api-key`, and what stands in `--token=…`. */
function showArgs(args: readonly Text[]): Text[] {
  return args.map((arg, index) => {
    const before = args[index - 1];
    const isValue = typeof before === 'string' && /^--?[^=]+$/.test(before) && isSecretName(before.replace(/^-+/, ''));
    if (isValue) return showSecret(arg);
    if (typeof arg !== 'string')
      return 'template' in arg ? { template: showTemplate(showAssignment(arg.template), () => true) } : arg;
    return /^https?:/.test(arg) ? showUrlText(arg) : showAssignment(arg);
  });
}

function showAssignment(arg: string): string {
  const [, flag] = /^-*([^=\s]+)=./.exec(arg) ?? [];
  if (flag !== undefined && isSecretName(flag)) return `${arg.slice(0, arg.indexOf('=') + 1)}${REDACTED}`;
  // `mcp-remote` and others take whole headers as arguments: "Authorization: Bearer …", "Authorization:Bearer …".
  const [, header] = /^([A-Za-z0-9-]+):\s*\S/.exec(arg) ?? [];
  return header !== undefined && isSecretName(header) ? `${header}: ${REDACTED}` : arg;
}

function showUrl(url: Text): Text {
  if (typeof url === 'string') return showUrlText(url);
  return 'template' in url ? { template: showTemplate(url.template, (text) => !/[?@]/.test(text)) } : url;
}

/** Hides the password and every value in the query: hosted servers like to take their keys there. */
function showUrlText(text: string): string {
  const url = URL.parse(text);
  if (url === null) return text;
  if (url.password === '' && url.username === '' && url.search === '') return text;
  const query = [...url.searchParams.keys()].map((key) => `${encodeURIComponent(key)}=${REDACTED}`).join('&');
  const user = url.username === '' && url.password === '' ? '' : `${REDACTED}@`;
  return `${url.protocol}//${user}${url.host}${url.pathname}${query === '' ? '' : `?${query}`}`;
}
