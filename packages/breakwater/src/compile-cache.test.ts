import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('./bin.ts', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'breakwater-cache-'));

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Runs the program with this cache folder. */
function start(folder: string): void {
  const { NODE_COMPILE_CACHE: _, NODE_DISABLE_COMPILE_CACHE: __, ...env } = process.env;
  execFileSync(process.execPath, [BIN, '--version'], { env: { ...env, XDG_CACHE_HOME: folder }, stdio: 'pipe' });
}

it('keeps compiled code in a folder of its own that nobody else can write to', () => {
  start(join(root, 'new'));
  const folder = join(root, 'new', 'breakwater');
  expect(readdirSync(folder)).not.toEqual([]);
  expect(statSync(folder).mode & 0o077).toBe(0);
});

// Attack: the cache is in a folder that others share, and one of them was there first: what lies in it is run as it is, with our rights.
it('keeps none where others can write', () => {
  const folder = join(root, 'shared', 'breakwater');
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o777);
  start(join(root, 'shared'));
  expect(readdirSync(folder)).toEqual([]);
});
