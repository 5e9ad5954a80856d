import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { parseLibraryConfig } from './library.ts';
import type { LibraryConfig } from './schema.ts';

const factory = () => new McpServer({ name: 'mine', version: '1' });

describe('parseLibraryConfig', () => {
  it('accepts in-process servers beside the others', () => {
    const config = parseLibraryConfig({
      upstreams: { mine: { factory, prefix: 'm' }, other: { command: 'npx' } },
      sessions: { idle: '5m' },
    });
    expect(config.upstreams['mine']).toMatchObject({ kind: 'in-process', factory, prefix: 'm', era: 'auto' });
    expect(config.sessions.idleMs).toBe(300_000);
  });

  it('accepts literal credentials: a program keeps its secrets itself', () => {
    const headers = { Authorization: 'Bearer abc' };
    const config = parseLibraryConfig({ upstreams: { a: { url: 'https://example.com/mcp', headers } } });
    expect(config.upstreams['a']).toMatchObject({ headers });
  });

  it('throws a TypeError that lists every issue', () => {
    const wrong = { upstreams: { a: { factory: 'server' }, b: { factory, comand: 'x' } }, listen: { prt: 1 } };
    expect(() => parseLibraryConfig(wrong as unknown as LibraryConfig)).toThrow(
      new TypeError(
        [
          'Invalid configuration:',
          'config  listen.prt  unknown key — did you mean "port"?',
          'config  upstreams.a.factory  expected a function that builds an MCP server',
          'config  upstreams.b.comand  unknown key — did you mean "command"?',
        ].join('\n'),
      ),
    );
  });
});
