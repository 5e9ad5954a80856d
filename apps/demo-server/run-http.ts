import { parseArgs } from 'node:util';
import type { McpServer, ServerEventBus } from '@modelcontextprotocol/server';
import { HTTP_ERAS, type HttpEra, serveHttp } from './serve-http.ts';

/**
 * Runs an HTTP server as a program: reads `--port` and `--era`, prints `listening URL` on stdout when ready, and on SIGTERM
 * or SIGINT closes cleanly and exits.
 */
export async function runHttp(factory: () => McpServer, bus: ServerEventBus): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '0' }, era: { type: 'string', default: 'dual' } },
  });
  if (!isHttpEra(values.era)) throw new TypeError(`--era must be one of ${HTTP_ERAS.join(', ')}`);

  const server = await serveHttp(factory, { era: values.era, port: Number(values.port), bus });
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

function isHttpEra(value: string): value is HttpEra {
  return HTTP_ERAS.some((era) => era === value);
}
