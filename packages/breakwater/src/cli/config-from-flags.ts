import { mergeOverrides } from '../config/overrides.ts';
import type { LibraryConfig } from '../config/schema.ts';
import type { ServerFactory } from '../config/schema-upstream.ts';
import { hasReference } from '../config/template.ts';
import type { Command, Target } from './command.ts';

/** The configuration a command line without a file means, still to be validated by `parseLibraryConfig`. */
export function configFromFlags(
  command: Extract<Command, { kind: 'run' | 'demo' }>,
  demoFactory: ServerFactory,
): LibraryConfig {
  const upstreams: LibraryConfig['upstreams'] =
    command.kind === 'demo'
      ? { demo: { factory: demoFactory } }
      : { [nameTarget(command.target)]: describeTarget(command.target) };
  const input: LibraryConfig = { upstreams, routes: [{ path: '/mcp' }] };
  // Both sides are typed; merging keeps the shape.
  return mergeOverrides(input, command.overrides) as LibraryConfig;
}

function describeTarget(target: Target): LibraryConfig['upstreams'][string] {
  // The shell has expanded what it should; in a header `${NAME}` keeps a token out of the list of processes.
  if (target.kind === 'stdio') return { command: target.command, args: [...target.args] };
  const headers = Object.entries(target.headers).map(([name, value]) => [
    name,
    hasReference(value) ? { template: value } : value,
  ]);
  return { url: target.url, headers: Object.fromEntries(headers) };
}

const RUNNERS = new Set(
  'npx bunx pnpx uvx pipx npm pnpm yarn node bun deno tsx python python3 uv docker podman env sh bash cmd'.split(' '),
);
const SUBCOMMANDS = new Set('run exec tool dlx x'.split(' '));

/** A short name for a server: the word by which people know it, fit to be an upstream's name. */
export function nameTarget(target: Target): string {
  return shorten(target.kind === 'remote' ? new URL(target.url).hostname : nameOfCommand(target.command, target.args));
}

function nameOfCommand(command: string, args: readonly string[]): string {
  const program = baseName(command).replace(/\.(exe|cmd)$/i, '');
  if (!RUNNERS.has(program)) return program;
  const subject = args.find((arg) => !arg.startsWith('-') && !SUBCOMMANDS.has(arg) && !/\s/.test(arg));
  return subject === undefined ? program : baseName(subject.replace(/(?<=.)@[^/]*$/, ''));
}

function baseName(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path;
}

function shorten(word: string): string {
  const plain = word
    .replace(/\.(c|m)?(j|t)s$|\.py$/, '')
    .replace(/^(mcp-)?server-|^mcp-|-mcp-server$|-mcp$/g, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return plain.slice(0, 32) || 'server';
}
