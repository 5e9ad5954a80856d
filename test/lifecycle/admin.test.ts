import { expect, test } from 'vitest';
import { parseLibraryConfig } from '../../packages/breakwater/src/config/library.ts';
import { resolveSecrets } from '../../packages/breakwater/src/config/secrets.ts';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { serve } from '../../packages/breakwater/src/serve.ts';
import { createLog } from '../../packages/breakwater/src/telemetry/log.ts';
import { openSession } from '../requirements/support/clients.ts';
import { at } from '../requirements/support/json.ts';
import { post, send } from '../requirements/support/wire.ts';

test('the admin port tells metrics, health and status, to this machine only, and nothing a caller made up', async () => {
  const upstreams = { demo: { factory: createDemoFactory() } };
  const config = parseLibraryConfig({ listen: { port: 0 }, admin: { port: 0 }, upstreams });
  const resolved = await resolveSecrets(config, { env: {} });
  if (!resolved.ok) throw new Error('the configuration is valid');
  const gateway = await serve(resolved.config, createLog({ level: 'silent', format: 'json' }));
  try {
    const url = `http://127.0.0.1:${gateway.address.port}/mcp`;
    const admin = `http://127.0.0.1:${gateway.adminAddress?.port}`;
    const session = await openSession(url);
    await session.request('tools/call', { name: 'echo', arguments: { text: 'x' } });
    // Attack: a caller chooses names in the hope that they become labels and fill the memory of whoever scrapes.
    await session.request('evil"} 1\nmade_up_metric 1', { name: 'evil-tool' });
    const params = { protocolVersion: 'evil-version', capabilities: {}, clientInfo: { name: 'evil-client' } };
    await post(url, { jsonrpc: '2.0', id: 1, method: 'initialize', params });
    await send('GET', `http://127.0.0.1:${gateway.address.port}/evil-path`, {});

    const { text, status } = await send('GET', `${admin}/metrics`, {});
    expect(status).toBe(200);
    expect(text).not.toMatch(/evil|made_up/);
    // Alone it is no node of a fleet.
    expect(text).not.toMatch(/mcpgw_(fleet|store)_/);
    expect(text).toMatch(/^mcpgw_sessions_active 2$/m);
    expect(text).toMatch(/^mcpgw_resources_orphaned 0$/m);
    expect(text).toMatch(/^mcpgw_opens_total\{era="legacy",client="other"\} 2$/m);
    expect(text).toMatch(/^mcpgw_tool_calls_total\{upstream="demo",outcome="ok"\} 1$/m);
    expect(text).toMatch(/^mcp_server_operation_duration_seconds_count\{mcp_method_name="tools\/call",.*\} 1$/m);
    expect(text).toMatch(/^mcpgw_upstream_up\{upstream="demo"\} 1$/m);
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"\n]*",?)*\})? [0-9.e+-]+)$/);
    }

    expect((await send('GET', `${admin}/healthz`, {})).json()).toEqual({ status: 'ok' });
    const told = (await send('GET', `${admin}/api/status`, {})).json();
    expect(at(told, 'counters', 'open', 'session')).toBe(2);
    expect(at(told, 'upstreams', 'demo', 'circuit')).toBe('closed');
    expect((await send('GET', `${admin}/nothing`, {})).status).toBe(404);
    expect((await send('POST', `${admin}/metrics`, {})).status).toBe(405);
    // Attack: DNS rebinding from a page in the operator's browser.
    expect((await send('GET', `${admin}/api/status`, { host: 'evil.example' })).status).toBe(403);
  } finally {
    await gateway.close();
  }
});
