#!/usr/bin/env node
import { keepCompiledCode } from './compile-cache.ts';

// Before the program itself is read.
keepCompiledCode();
await import('./main.ts');
