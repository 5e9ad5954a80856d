/** docs/discovery.md: its commands work, its configurations are valid, and the gateway serves what its table names. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatIssues } from '../../packages/breakwater/src/config/issue.ts';
import { parseConfig } from '../../packages/breakwater/src/config/load.ts';
import { createBreakwater } from '../../packages/breakwater/src/index.ts';
import { type Listening, listen, startBreakwater } from '../doctor/servers.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/discovery.md'), 'utf8');

function fences(language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);
}

let breakwater: Listening;
let base: string;
beforeAll(async () => {
  breakwater = await startBreakwater();
  base = new URL(breakwater.url).origin;
});
afterAll(async () => await breakwater?.[Symbol.asyncDispose]());

test.each(fences('sh'))('%s', async (script) => {
  const { stderr } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    env: { ...process.env, URL: base },
  });
  expect(stderr).toBe('');
});

test.each(fences('yaml'))('%s', (text) => {
  const result = parseConfig(text);
  expect(result.ok ? '' : formatIssues(result.issues, 'docs')).toBe('');
});

test('there are some of both', () => {
  expect(fences('sh').length).toBeGreaterThan(3);
  expect(fences('yaml').length).toBeGreaterThan(1);
});

test('every path of the table is served', async () => {
  const cells = [...PAGE.matchAll(/^\| (`\/.*?) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\/[^`]*)`/g)].map(([, path = '']) => path),
  );
  const paths = cells.filter((path) => !/<route>|oabp|bounty/.test(path));
  expect(paths.length).toBeGreaterThan(15);
  for (const path of paths) expect([path, (await fetch(base + path)).status]).toEqual([path, 200]);
});

describe('with a real server behind it', () => {
  test('the page shows its tools', async () => {
    const page = await (await fetch(base, { headers: { accept: 'text/html' } })).text();
    expect(page).toContain('<li><code>echo</code><p>');
    expect(page).toMatch(/Ready: .+ tools, no sign-in/);
  });

  test('the snippet for plain HTTP lists them', async () => {
    const page = await (await fetch(base, { headers: { accept: 'text/html' } })).text();
    const [, command = ''] = /data-snippet="rest">([^<]+)</.exec(page) ?? [];
    const { stdout } = await promisify(execFile)('bash', ['-c', command.replaceAll('&#39;', "'")]);
    expect(stdout).toContain('"name":"echo"');
  });

  test('that cannot be started, the page and the documents are there', async () => {
    const breakwater = await createBreakwater({ upstreams: { gone: { command: '/nonexistent/program' } } });
    await using down = await listen(breakwater, () => breakwater.close());
    const origin = new URL(down.url).origin;
    const page = await fetch(origin, { headers: { accept: 'text/html' } });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('did not answer')]);
    for (const path of ['/llms.txt', '/.well-known/mcp.json', '/.well-known/agent-card.json']) {
      expect((await fetch(origin + path)).status).toBe(200);
    }
  });
});
