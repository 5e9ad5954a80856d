import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Copies the declarations that somebody can reach who imports one of the entries, and nothing of the others. */
export function copyDeclarations(from: string, to: string, entries: readonly string[]): void {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    const text = readFileSync(path, 'utf8');
    const copy = join(to, relative(from, path));
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, text);
    for (const [, specifier = ''] of text.matchAll(/(?:\bfrom |\bimport\()['"](\.[^'"]+)['"]/g)) {
      visit(resolve(dirname(path), specifier.replace(/\.[jt]s$/, '.d.ts')));
    }
  };
  for (const entry of entries) visit(join(from, entry));
}
