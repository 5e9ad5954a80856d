import { execPath } from 'node:process';
import { vi } from 'vitest';
import { formatIssues } from '../../../packages/breakwater/src/config/issue.ts';
import { parseLibraryConfig } from '../../../packages/breakwater/src/config/library.ts';
import type { LibraryConfig } from '../../../packages/breakwater/src/config/schema.ts';
import { type ResolvedConfig, resolveSecrets } from '../../../packages/breakwater/src/config/secrets.ts';
import { createDemoFactory } from '../../../packages/breakwater/src/demo/server.ts';
import { serve } from '../../../packages/breakwater/src/serve.ts';
import { PATIENT } from '../../e2e/support/programs.ts';

type Log = Parameters<typeof serve>[1];
type Line = Readonly<Record<string, unknown>>;

/** A gateway on its own ports, with all that it logged. */
export interface Serving extends AsyncDisposable {
  readonly port: number;
  readonly redirectPort: number;
  readonly adminPort: number;
  /** What was logged so far, with the text as `message`. */
  readonly lines: readonly Line[];
  /** Resolves with the first line, past or future, that has these members. */
  logged(members: Line): Promise<Line>;
  /** The addresses of the callers that were refused or served so far. */
  addresses(): unknown[];
  reload(config: Partial<LibraryConfig>): Promise<void>;
}

/** Starts one with the demo server behind it, on free ports where the configuration names none. */
export async function startServing(config: Partial<LibraryConfig> = {}): Promise<Serving> {
  const lines: Line[] = [];
  const gateway = await serve(await complete(config), recordingLog(lines));
  return {
    port: gateway.address.port,
    redirectPort: gateway.address.redirectPort ?? 0,
    adminPort: gateway.adminAddress?.port ?? 0,
    lines,
    logged: (members) =>
      vi.waitFor(() => {
        const found = lines.find((line) => Object.entries(members).every(([key, value]) => line[key] === value));
        if (found === undefined) throw new Error(`not logged: ${JSON.stringify(members)} in ${JSON.stringify(lines)}`);
        return found;
      }, PATIENT),
    addresses: () => lines.flatMap((line) => ('address' in line ? [line['address']] : [])),
    reload: async (next) => gateway.reload(await complete(next)),
    [Symbol.asyncDispose]: () => gateway.close(),
  };
}

/** What is wrong with a configuration: the issues as they are printed. */
export async function issuesOf(config: Partial<LibraryConfig>): Promise<string> {
  const resolved = await resolveSecrets(parseLibraryConfig(withDemo(config)), { env: {} });
  return resolved.ok ? '' : formatIssues(resolved.issues);
}

async function complete(config: Partial<LibraryConfig>): Promise<ResolvedConfig> {
  const listen = { port: 0, ...config.listen };
  const timeouts = { drain: '2s', ...config.timeouts };
  const resolved = await resolveSecrets(parseLibraryConfig(withDemo({ ...config, listen, timeouts })), { env: {} });
  if (!resolved.ok) throw new Error(formatIssues(resolved.issues));
  return resolved.config;
}

function withDemo(config: Partial<LibraryConfig>): LibraryConfig {
  return { upstreams: { demo: { factory: createDemoFactory() } }, ...config };
}

/** A logger of everything, as far as the gateway uses one. */
function recordingLog(lines: Line[]): Log {
  const write = (fields: Line, message?: string): void => void lines.push({ ...fields, message });
  const log = { debug: write, info: write, warn: write, error: write, isLevelEnabled: () => true };
  return log as unknown as Log;
}

/** A server whose calls wait for a file to appear; see `gated-server.ts`. */
export const GATED_SERVER = {
  command: execPath,
  args: [new URL('gated-server.ts', import.meta.url).pathname],
};
