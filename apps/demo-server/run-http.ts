import { parseArgs } from 'node:util';
import type { McpServer, ServerEventBus } from '@modelcontextprotocol/server';
import { HTTP_ERAS, type HttpEra, serveHttp } from './serve-http.ts';

/**
 * Runs an HTTP server as a program: reads `--port` and `--era`, prints `listening URL` on stdout when ready, and on SIGTERM
 * or SIGINT closes cleanly and exits. With `onlyEra` there is no choice of `--era`.
 */
export async function runHttp(factory: () => McpServer, bus: ServerEventBus, onlyEra?: HttpEra): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '0' }, era: { type: 'string', default: onlyEra ?? 'dual' } },
  });
  const allowed = onlyEra ? [onlyEra] : HTTP_ERAS;
  const era = allowed.find((known) => known === values.era);
  if (!era) throw new TypeError(`--era must be one of ${allowed.join(', ')}`);

  const server = await serveHttp(factory, { era, port: Number(values.port), bus });
  const stop = (): void => {
    server.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdout.write(`listening ${server.url}\n`);
}
