/** Builds the published package: TypeScript to ESM in `dist`, and the files that belong into its tarball. */
import { chmodSync, copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

const root = join(import.meta.dirname, '..');
const target = join(root, 'packages/breakwater');

rmSync(join(target, 'dist'), { recursive: true, force: true });
run('tsc', ['-p', target]);
chmodSync(join(target, 'dist/bin.js'), 0o755);
for (const file of ['LICENSE', 'NOTICE', 'README.md']) copyFileSync(join(root, file), join(target, file));
