/** Builds the published package: TypeScript to ESM in `dist`, and the files that belong into its tarball. */
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BundledPackage, writeBundle } from './bundle.ts';
import { copyDeclarations } from './declarations.ts';
import { run } from './run.ts';

const ENTRIES = { bin: 'src/bin.ts', index: 'src/index.ts', 'demo/server': 'src/demo/server.ts' };
/** A dependency all the same: the declarations speak of it. */
const BUNDLED_DEPENDENCY = 'zod';

const root = join(import.meta.dirname, '..');
const target = join(root, 'packages/breakwater');
const dist = join(target, 'dist');

rmSync(dist, { recursive: true, force: true });
const declarations = mkdtempSync(join(tmpdir(), 'breakwater-declarations-'));
process.on('exit', () => rmSync(declarations, { recursive: true, force: true }));
run('tsc', ['-p', target, '--emitDeclarationOnly', '--outDir', declarations]);
copyDeclarations(declarations, dist, ['index.d.ts', 'demo/server.d.ts']);
const { dependencies } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8')) as { dependencies: object };
const external = Object.keys(dependencies).filter((name) => name !== BUNDLED_DEPENDENCY);
const bundled = await writeBundle(target, ENTRIES, external);
writeFileSync(join(dist, 'third-party-notices.txt'), bundled.map(writeNotice).join(`\n${'-'.repeat(80)}\n\n`));
chmodSync(join(dist, 'bin.js'), 0o755);
for (const file of ['LICENSE', 'NOTICE', 'README.md']) copyFileSync(join(root, file), join(target, file));

function writeNotice({ name, version, license, notice }: BundledPackage): string {
  return `${name} ${version} (${license})\n\n${notice}\n`;
}
