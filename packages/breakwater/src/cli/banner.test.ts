import { describe, expect, it } from 'vitest';
import { parseLibraryConfig } from '../config/library.ts';
import { bannerFacts, renderBanner } from './banner.ts';

const two = { files: { command: 'x' }, weather: { command: 'y' } };

describe('renderBanner', () => {
  it('says where everything is and what to paste where', () => {
    const config = parseLibraryConfig({ upstreams: two });
    expect(renderBanner(bannerFacts(config, { host: '127.0.0.1', port: 8808 }, '1.2.3'), { color: false })).toBe(`
  ≋ breakwater 1.2.3

  MCP      http://127.0.0.1:8808/mcp           files, weather
           http://127.0.0.1:8808/mcp/files     files
           http://127.0.0.1:8808/mcp/weather   weather
  SSE      http://127.0.0.1:8808/sse           for clients of 2024
  Health   http://127.0.0.1:8808/health

  Claude Code
    claude mcp add --transport http breakwater http://127.0.0.1:8808/mcp

  VS Code  .vscode/mcp.json
    { "servers": { "breakwater": { "type": "http", "url": "http://127.0.0.1:8808/mcp" } } }

  Cursor  ~/.cursor/mcp.json
    { "mcpServers": { "breakwater": { "url": "http://127.0.0.1:8808/mcp" } } }

  Claude Desktop, or any client that only starts programs  claude_desktop_config.json
    { "mcpServers": { "breakwater": { "command": "npx", "args": ["-y", "mcp-remote", "http://127.0.0.1:8808/mcp"] } } }

`);
  });

  it('shows the public address to clients and the local one to probes', () => {
    const config = parseLibraryConfig({
      upstreams: two,
      publicUrl: 'https://mcp.example.com/gate/',
      routes: [{ path: '/m' }],
    });
    const facts = bannerFacts(config, { host: '0.0.0.0', port: 80 }, '1.2.3');
    expect(facts).toMatchObject({
      endpoints: [{ url: 'https://mcp.example.com/gate/m' }],
      sseUrl: 'https://mcp.example.com/gate/sse',
      healthUrl: 'http://localhost:80/health',
    });
    expect(renderBanner({ ...facts, adminUrl: 'http://127.0.0.1:8809' }, { color: false })).toMatch(
      /^ {2}Console {2}http:\/\/127\.0\.0\.1:8809 +for now \/metrics and \/api\/status$/m,
    );
  });

  it('names the one upstream, and tells mcp-remote that plain http to another machine is meant', () => {
    const config = parseLibraryConfig({
      upstreams: { files: { command: 'x' } },
      routes: [{ path: '/mcp', legacySse: false }],
    });
    const text = renderBanner(bannerFacts(config, { host: '10.0.0.7', port: 1 }, '1.2.3'), { color: false });
    expect(text).toContain('claude mcp add --transport http files http://10.0.0.7:1/mcp\n');
    expect(text).toContain('"http://10.0.0.7:1/mcp", "--allow-http"]');
    expect(text).not.toContain('SSE');
  });

  it('writes an IPv6 address as a URL does', () => {
    const config = parseLibraryConfig({ upstreams: two });
    expect(bannerFacts(config, { host: '::1', port: 1 }, '').healthUrl).toBe('http://[::1]:1/health');
    expect(bannerFacts(config, { host: '::', port: 1 }, '').healthUrl).toBe('http://localhost:1/health');
  });

  it('counts what does not fit a glance', () => {
    const names = Array.from({ length: 20 }, (_, index) => [`s${index}`, { command: 'x' }] as const);
    const config = parseLibraryConfig({ upstreams: Object.fromEntries(names) });
    const text = renderBanner(bannerFacts(config, { host: '127.0.0.1', port: 1 }, ''), { color: false });
    expect(text).toContain('and 13 more');
    expect(text.split('\n').length).toBeLessThan(30);
  });

  it('colours nothing but styles when asked to', () => {
    const facts = bannerFacts(parseLibraryConfig({ upstreams: two }), { host: '127.0.0.1', port: 1 }, '1.2.3');
    const colored = renderBanner(facts, { color: true });
    expect(colored).toContain('\u001b[');
    expect(colored.replace(/\u001b\[\d+m/g, '')).toBe(renderBanner(facts, { color: false }));
  });
});
