import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { parseLibraryConfig } from '../config/library.ts';
import { configFromFlags, nameTarget } from './config-from-flags.ts';

// What a shell leaves alone inside single quotes.
const home = `\${HOME}`;
const bearer = `Bearer \${TOKEN}`;

const factory = () => new McpServer({ name: 'demo', version: '1' });

describe('configFromFlags', () => {
  it('describes a program', () => {
    const target = { kind: 'stdio', command: 'npx', args: ['-y', 'mcp-server-files', home] } as const;
    const config = parseLibraryConfig(
      configFromFlags(
        { kind: 'run', target, overrides: { listen: { port: 1 }, publicUrl: 'https://a.example/' } },
        factory,
      ),
    );
    expect(config).toMatchObject({
      listen: { host: '127.0.0.1', port: 1 },
      publicUrl: 'https://a.example',
      upstreams: { files: { kind: 'stdio', command: 'npx', args: ['-y', 'mcp-server-files', home] } },
      routes: [{ path: '/mcp', upstreams: ['files'] }],
    });
  });

  it('describes a remote server whose token stays in the environment', () => {
    const headers = { Authorization: bearer, 'X-Plain': 'a' };
    const target = { kind: 'remote', url: 'https://mcp.example.com/mcp', headers } as const;
    expect(parseLibraryConfig(configFromFlags({ kind: 'run', target, overrides: {} }, factory))).toMatchObject({
      upstreams: { 'mcp-example-com': { headers: { Authorization: { template: bearer }, 'X-Plain': 'a' } } },
    });
  });

  it('describes the demo', () =>
    expect(parseLibraryConfig(configFromFlags({ kind: 'demo', overrides: {} }, factory))).toMatchObject({
      upstreams: { demo: { kind: 'in-process', factory } },
    }));
});

describe('nameTarget', () => {
  it.each([
    ['npx -y @modelcontextprotocol/server-everything', 'everything'],
    ['npx -y @modelcontextprotocol/server-memory@1.2.3', 'memory'],
    ['npx mcp-remote@latest https://example.com', 'remote'],
    ['uvx mcp-server-git --repository /x', 'git'],
    ['node ./build/weather.js', 'weather'],
    ['node /opt/server.mjs', 'server'],
    ['python3 -m my_server', 'my_server'],
    ['docker run -i --rm mcp/fetch', 'fetch'],
    ['/usr/local/bin/github-mcp-server stdio', 'github'],
    ['C:\\tools\\thing.exe', 'thing'],
    ['sh', 'sh'],
    ['日本', 'server'],
    [`${'x'.repeat(80)}`, 'x'.repeat(32)],
  ])('%s is %s', (line, name) => {
    const [command = '', ...args] = line.split(' ');
    expect(nameTarget({ kind: 'stdio', command, args })).toBe(name);
  });
});
