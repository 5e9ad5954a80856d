/** Long and slow answers through real proxies with the time limits and buffers they come with. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { findFreePort, type Program, startProgram } from '../e2e/support/programs.ts';
import { needDebian, withSystemPath } from '../fixtures/debian.ts';
import { openSession, streamModern } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import type { WireStream } from '../requirements/support/wire.ts';

/** How long the server says nothing: twice what nginx waits, and more than twice what Debian's HAProxy does. */
const QUIET_MS = 120_000;

/** Both proxies as their packages configure them: nginx waits 60 s for an upstream, HAProxy 50 s. */
const PROXIES = ['nginx', 'HAProxy'] as const;
const ERAS = ['legacy', 'modern'] as const;
const PATHS = PROXIES.flatMap((proxy) => ERAS.map((era) => ({ proxy, era })));

/** Ends the calls of `step`, one after another, by their name. */
const gates = new Map<string, PromiseWithResolvers<void>>();
let folder: string;
let gateway: RunningGateway;
const programs: Program[] = [];
const urls: Record<string, string> = {};

beforeAll(async () => {
  needDebian(['nginx-light', 'haproxy'], ['nginx', 'haproxy']);
  folder = await mkdtemp(join(tmpdir(), 'breakwater-proxies-'));
  gateway = await startGateway({ upstreams: { it: { factory: createServer } }, routes: [{ path: '/mcp' }] });
  const target = new URL(gateway.base).host;
  const ports = { nginx: await findFreePort(), HAProxy: await findFreePort() };
  await writeFile(join(folder, 'nginx.conf'), nginxConfig(target, ports.nginx));
  await writeFile(join(folder, 'haproxy.cfg'), haproxyConfig(target, ports.HAProxy));
  const env = withSystemPath();
  programs.push(startProgram('nginx', ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], { env }));
  programs.push(startProgram('haproxy', ['-db', '-f', join(folder, 'haproxy.cfg')], { env }));
  for (const proxy of PROXIES) {
    urls[proxy] = `http://127.0.0.1:${ports[proxy]}/mcp`;
    await vi.waitFor(() => reach(urls[proxy] ?? ''), { timeout: 20_000 });
  }
}, 180_000);

afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()));
  await gateway?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

describe('through a proxy', () => {
  test(`a call that is quiet for ${QUIET_MS / 1000} s is answered`, { timeout: QUIET_MS + 60_000 }, async () => {
    const answers = PATHS.map(async ({ proxy, era }) => {
      const { reader, status } = await call(urls[proxy] ?? '', era, 'quiet', {});
      const [answer] = await reader.rest();
      const comments = reader.seen.filter(({ comment }) => comment).length;
      return { proxy, era, status, text: at(answer, 'result', 'content', 0, 'text'), comments };
    });
    for (const { comments, ...answer } of await Promise.all(answers)) {
      const { proxy, era } = answer;
      expect(answer).toEqual({ proxy, era, status: 200, text: 'at last' });
      // What kept the proxy from giving up.
      expect(comments).toBeGreaterThan(1);
    }
  });

  test.each(PATHS)('$proxy, $era: progress arrives while the call still runs', async ({ proxy, era }) => {
    const key = `${proxy} ${era}`;
    const gate = Promise.withResolvers<void>();
    gates.set(key, gate);
    const begun = performance.now();
    const { reader } = await call(urls[proxy] ?? '', era, 'step', { key });
    // The call ends only after this was read: a proxy that kept it back would keep it for ever.
    expect(await reader.message()).toMatchObject({ method: 'notifications/progress', params: { progress: 1 } });
    console.log(`${key}: first event after ${Math.round(performance.now() - begun)} ms`);
    gate.resolve();
    expect(await reader.rest()).toMatchObject([{ result: { content: [{ text: 'stepped' }] } }]);
  });

  test.each(ERAS)('$0: nginx is told not to buffer', async (era) => {
    const gate = Promise.withResolvers<void>();
    gates.set(era, gate);
    gate.resolve();
    const { headers, reader } = await call(gateway.url, era, 'step', { key: era });
    expect(headers).toMatchObject({ 'x-accel-buffering': 'no', 'content-type': 'text/event-stream' });
    await reader.rest();
  });
});

function createServer(): McpServer {
  const server = new McpServer({ name: 'slow', version: '1.0.0' });
  server.registerTool('quiet', {}, async () => {
    await delay(QUIET_MS);
    return { content: [{ type: 'text', text: 'at last' }] };
  });
  server.registerTool('step', { inputSchema: z.object({ key: z.string() }) }, async ({ key }, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    if (progressToken !== undefined) {
      await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
    }
    await gates.get(key)?.promise;
    return { content: [{ type: 'text', text: 'stepped' }] };
  });
  return server;
}

async function call(
  url: string,
  era: (typeof ERAS)[number],
  name: string,
  args: Readonly<Record<string, unknown>>,
): Promise<WireStream> {
  const params = { name, arguments: args };
  if (era === 'modern') return await streamModern(url, 'tools/call', params, { meta: { progressToken: 'p' } });
  const session = await openSession(url);
  return await session.stream('tools/call', { ...params, _meta: { progressToken: 'p' } });
}

/** Rejects as long as the proxy is not up. */
async function reach(url: string): Promise<void> {
  const { status } = await fetch(url, { method: 'DELETE' });
  // Any answer will do, as long as it is the gateway's own.
  if (status >= 500) throw new Error(`HTTP ${status}`);
}

function nginxConfig(target: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
user root;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://${target}; }
  }
}
`;
}

function haproxyConfig(target: string, port: number): string {
  return `defaults
  mode http
  timeout connect 5000
  timeout client 50000
  timeout server 50000
frontend in
  bind 127.0.0.1:${port}
  default_backend gateway
backend gateway
  server it ${target}
`;
}
