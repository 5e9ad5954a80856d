/** docs/rest.md: its commands work, and what its tables name is there. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPOSITORY } from '../e2e/support/programs.ts';
import type { RunningGateway } from '../requirements/support/gateway.ts';
import { get, startDemo } from './support.ts';

const PAGE = readFileSync(join(REPOSITORY, 'docs/rest.md'), 'utf8');
const scripts = [...PAGE.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) => text);

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startDemo();
});
afterAll(() => gateway?.close());

test('there are commands', () => {
  expect(scripts.length).toBeGreaterThan(5);
});

test.each(scripts)('%s', async (script) => {
  const { stdout, stderr } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    env: { ...process.env, URL: gateway.base },
  });
  expect(stderr).toBe('');
  expect(stdout).not.toBe('');
});

test('every path of the table is served', async () => {
  const [, table = ''] = /^\| path \| GET(.*?)\n\n/ms.exec(PAGE) ?? [];
  const paths = [...table.matchAll(/`(\/(?:api|openapi)[^`]*)`/g)].map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(12);
  for (const path of paths) {
    const real = path
      .replace('resources?uri=', 'resources?uri=demo://readme')
      .replace('{uri, encoded}', encodeURIComponent('demo://readme'))
      .replace('prompts/{name}', 'prompts/greet')
      .replace('{name}', 'echo')
      .replace('{id}', 'call_x');
    const { status, json } = await get(gateway.base + real);
    const expected = path.endsWith('/answers') ? 405 : path.endsWith('{id}') ? 404 : 200;
    expect([path, status, json['code'] === 'request.path']).toEqual([path, expected, false]);
  }
});
