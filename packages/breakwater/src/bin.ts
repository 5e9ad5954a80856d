#!/usr/bin/env node
import { keepCompiledCode } from './compile-cache.ts';
import { oldNode } from './node-version.ts';

const complaint = oldNode(process.versions.node);
if (complaint === undefined) {
  // Before the program itself is read.
  keepCompiledCode();
  await import('./main.ts');
} else {
  process.stderr.write(`${complaint}\n`);
  process.exitCode = 1;
}
