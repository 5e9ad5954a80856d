/** Every example does what it says, ends by itself, and ends with 0. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { needDebian } from '../fixtures/debian.ts';
import { findDescendants, type Program, REPOSITORY, runProgram, startProgram } from './support/programs.ts';

const FOLDER = join(REPOSITORY, 'examples');
const entries = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' });
const programs = entries.filter((path) => path.endsWith('/run.ts')).sort();
const scripts = entries.filter((path) => path.startsWith('curl/') && path.endsWith('.sh')).sort();

let demo: Program;
let url: string;

beforeAll(async () => {
  needDebian(['redis-server', 'haproxy'], ['redis-server', 'haproxy']);
  const bin = join(REPOSITORY, 'packages/breakwater/dist/bin.js');
  demo = startProgram(process.execPath, [bin, 'demo', '--port', '0']);
  const [, found = ''] = await demo.until(/MCP +(http\S+)\/mcp/);
  url = found;
});

afterAll(async () => {
  await demo?.stop();
});

/** The fleet alone takes ten seconds on a quiet machine. */
const LIMIT_MS = 120_000;

test.each(programs)('%s', { timeout: LIMIT_MS }, async (path) => {
  const before = findDescendants();
  const { code, stdout, stderr } = await runProgram(process.execPath, [join(FOLDER, path)]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.trim().split('\n').at(-1)).toMatch(/^(closed|stopped)/);
  expect(findDescendants()).toEqual(before);
});

test.each(scripts)('%s', async (path) => {
  const { code, stdout, stderr } = await runProgram(join(FOLDER, path), [url]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^(ok: .+\n)+$/);
});

test.each(scripts)('%s does not end with 0 when nobody answers', async (path) => {
  const { code } = await runProgram(join(FOLDER, path), ['http://127.0.0.1:1']);
  expect(code).not.toBe(0);
});

test('the table in examples/README.md has them all', () => {
  const page = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  const linked = [...page.matchAll(/^\| \[([^\]]+)\]/gm)].map(([, name]) => name);
  expect(linked.sort()).toEqual([...programs.map((path) => path.replace('/run.ts', '')), ...scripts].sort());
});
