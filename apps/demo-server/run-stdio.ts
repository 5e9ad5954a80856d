import type { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

/** Runs a stdio server of both eras as a program: says `listening stdio` on stderr, ends with its stdin or on SIGTERM. */
export function runStdio(factory: () => McpServer): void {
  const server = serveStdio(factory, {
    onerror: (error) => process.stderr.write(`${error.message}\n`),
  });

  const stop = (): void => {
    server.close().finally(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stderr.write('listening stdio\n');
}
