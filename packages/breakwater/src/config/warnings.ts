import { isLoopbackHost, isWildcardHost } from './address.ts';
import type { Text } from './fields.ts';
import type { ConfigIssue } from './issue.ts';
import type { Config } from './schema.ts';
import { isSecretName } from './secret-names.ts';
import { suggest } from './suggest.ts';
import { splitTemplate } from './template.ts';

/** What is valid and probably not meant. */
export function findWarnings(config: Config): ConfigIssue[] {
  const warnings: ConfigIssue[] = [];
  const served = new Set(config.routes.flatMap((route) => route.upstreams));
  for (const [name, upstream] of Object.entries(config.upstreams)) {
    if (!upstream.disabled && !served.has(name)) {
      warnings.push({ message: 'no route serves this upstream', path: ['upstreams', name] });
    }
  }
  if (Object.values(config.upstreams).every(({ disabled }) => disabled)) {
    warnings.push({ message: 'every upstream is disabled: nothing is served', path: ['upstreams'] });
  }
  // All loopback names and nothing else: then nobody on the network knows a name that is answered.
  if (isWildcardHost(config.listen.host) && config.publicUrl === undefined && config.allowedHosts.length === 3) {
    warnings.push({
      message: `listening on ${config.listen.host}, but only requests for localhost are answered: set publicUrl or allowedHosts`,
      path: ['listen', 'host'],
    });
  }
  for (const [index, entry] of config.trustedProxies.entries()) {
    if (!entry.endsWith('/0')) continue;
    const message = 'everybody is a proxy here: each caller can make up its own address';
    warnings.push({ message, path: ['trustedProxies', index] });
  }
  if (config.trustedProxies.length > 0 && isLoopbackHost(config.listen.host) && config.publicUrl === undefined) {
    const message = 'callers behind these proxies count as one person on this machine: set publicUrl if they are not';
    warnings.push({ message, path: ['trustedProxies'] });
  }
  warnings.push(...findHiddenDoors(config));
  return warnings;
}

/** Endpoints that stand where the plain HTTP paths of another route are: the endpoint is served, and what it hides there is not. */
function findHiddenDoors({ routes }: Config): ConfigIssue[] {
  return routes.flatMap(({ path, rest }) => {
    const base = path === '/mcp' ? '/api' : `${path}/api`;
    if (!rest) return [];
    return routes.flatMap((other, index) => {
      if (other.path !== base && !other.path.startsWith(`${base}/`)) return [];
      const message = `stands among the plain HTTP paths of "${path}", at ${base}, and hides some: set rest: false there, or rename one of the two`;
      return [{ message, path: ['routes', index, 'path'] }];
    });
  });
}

/** Accommodations that a route switches and nobody knows: a tolerance its operator meant to turn off would stay on. */
export function findUnknownAccommodations(config: Config, known: readonly string[]): ConfigIssue[] {
  return config.routes.flatMap((route, index) =>
    Object.keys(route.accommodations)
      .filter((id) => !known.includes(id))
      .map((id) => ({
        message: `no accommodation has this id${suggest(id, known)}`,
        path: ['routes', index, 'accommodations', id],
      })),
  );
}

/** Credentials written out in a file of our own shape: an error in headers, a warning in variables and addresses. */
export function findLiteralSecrets(config: Config): {
  readonly issues: ConfigIssue[];
  readonly warnings: ConfigIssue[];
} {
  const issues: ConfigIssue[] = [];
  const warnings: ConfigIssue[] = [];
  for (const [name, upstream] of Object.entries(config.upstreams)) {
    if (upstream.kind === 'remote') {
      for (const [header, value] of Object.entries(upstream.headers)) {
        if (!isSecretName(header) || !isLiteral(value)) continue;
        const path = ['upstreams', name, 'headers', header];
        issues.push({ message: `a credential must not stand in this file: write ${replacementFor(header)}`, path });
      }
      if (typeof upstream.url === 'string' && URL.parse(upstream.url)?.password) {
        warnings.push({
          message: 'holds a password in clear text: use { env: NAME }',
          path: ['upstreams', name, 'url'],
        });
      }
    } else if (upstream.kind === 'stdio') {
      for (const [variable, value] of Object.entries(upstream.env)) {
        if (!isSecretName(variable) || !isLiteral(value) || value === '') continue;
        const path = ['upstreams', name, 'env', variable];
        warnings.push({ message: `looks like a credential in clear text: { env: ${variable} } keeps it out`, path });
      }
    }
  }
  return { issues, warnings };
}

function isLiteral(value: Text): boolean {
  if (typeof value === 'string') return true;
  return 'template' in value && splitTemplate(value.template).every(({ kind }) => kind === 'literal');
}

function replacementFor(header: string): string {
  return header.toLowerCase().endsWith('authorization')
    ? `{ env: NAME }, or { template: "Bearer \${NAME}" }`
    : '{ env: NAME } or { file: path }';
}
