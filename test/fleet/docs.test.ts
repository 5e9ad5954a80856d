import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfig } from '../../packages/breakwater/src/config/load.ts';
import { findFreePort, PATIENT, REPOSITORY, startProgram } from '../e2e/support/programs.ts';
import { needDebian, withSystemPath } from '../fixtures/debian.ts';
import { send } from '../requirements/support/wire.ts';

const page = readFileSync(join(REPOSITORY, 'docs/fleet.md'), 'utf8');
const CADDY = 'caddy/fleet.caddyfile';
const snippets = ['nginx/fleet.conf', 'haproxy/fleet.cfg', CADDY];

// The first two run in fleet.test.ts, the third below.
test.each(snippets)('the page shows deploy/%s as it is', (file) => {
  const text = readFileSync(join(REPOSITORY, 'deploy', file), 'utf8');
  expect(page).toMatch(new RegExp(`\\(\\.\\./deploy/${file.replaceAll('.', '\\.')}\\):\n\n\`\`\`\\w+\n`));
  expect(page).toContain(`\n${text}\`\`\`\n`);
});

test('the page shows no other snippet', () => {
  expect(page.match(/^```(nginx|haproxy|caddyfile)$/gm)).toHaveLength(snippets.length);
});

test('the configuration on the page is valid, and nothing is odd about it', () => {
  const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => parseConfig(text));
  expect(examples).toHaveLength(1);
  for (const example of examples) expect(example).toMatchObject({ ok: true, warnings: [] });
});

test('every metric on the page is one that a node of a fleet has', () => {
  const source = ['fleet-metrics', 'audit-metrics', 'metrics']
    .map((name) => readFileSync(join(REPOSITORY, `packages/breakwater/src/telemetry/${name}.ts`), 'utf8'))
    .join('\n');
  const named = page.match(/\bmcpgw_\w+/g) ?? [];
  expect(named.length).toBeGreaterThan(8);
  for (const name of named) expect(source).toContain(`'${name}'`);
});

test('behind Caddy a node that is gone is passed over, and nothing that was sent is sent again', {
  timeout: 60_000,
}, async () => {
  needDebian(['caddy'], ['caddy']);
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-caddy-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  let calls = 0;
  const nodes: Server[] = [];
  for (const at of [0, 1, 2]) {
    const server = await listen((request, response) => {
      if (request.url === '/readyz') return response.end();
      if (request.method !== 'POST') return response.end(`node ${at}`);
      // The node takes a call and dies before it answers.
      calls++;
      return request.socket.destroy();
    });
    stack.defer(() => void server.close());
    nodes.push(server);
  }
  const port = await findFreePort();
  let text = readFileSync(join(REPOSITORY, 'deploy', CADDY), 'utf8').replace(':8080', `127.0.0.1:${port}`);
  const written = [8808, 8818, 8828];
  for (const [at, node] of nodes.entries()) {
    text = text.replace(`127.0.0.1:${written[at]}`, `127.0.0.1:${(node.address() as AddressInfo).port}`);
  }
  const file = join(folder, 'Caddyfile');
  await writeFile(file, `{\n\tadmin off\n}\n${text}`);
  const env = { ...withSystemPath(), HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  stack.use(startProgram('caddy', ['run', '--adapter', 'caddyfile', '--config', file], { env, cwd: folder }));
  const url = `http://127.0.0.1:${port}/`;
  const ask = async (): Promise<string> => (await send('GET', url, {})).text;
  await expect.poll(() => ask().catch(() => ''), PATIENT).toMatch(/^node/);
  const seen = async (): Promise<string[]> => [...new Set([await ask(), await ask(), await ask()])].sort();
  expect(await seen()).toEqual(['node 0', 'node 1', 'node 2']);

  // Attack on a tool that must not run twice: a balancer that repeats what it has sent.
  expect((await send('POST', url, {}, '{}')).status).toBe(502);
  expect(calls).toBe(1);

  const [first] = nodes;
  first?.close();
  first?.closeAllConnections();
  for (let time = 0; time < 9; time++) expect(await ask()).toMatch(/^node [12]$/);
});

async function listen(handle: RequestListener): Promise<Server> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return server;
}
