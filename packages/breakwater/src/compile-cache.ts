import { lstatSync, mkdirSync } from 'node:fs';
// As a whole: an older Node.js has no such name, and is told so later (`node-version.ts`).
import nodeModule from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * Keeps compiled code between starts, in `breakwater` under `XDG_CACHE_HOME` or `~/.cache`. Where nothing can be written there is none, and nobody is told:
 * a start then takes what it takes. Node's own `NODE_COMPILE_CACHE` and `NODE_DISABLE_COMPILE_CACHE` come first.
 */
export function keepCompiledCode(): void {
  const parent = cacheFolder();
  if (parent === undefined) return;
  // Never in the temporary folder, as Node would have it: compiled code is run as it lies there, and others can write there before us.
  const folder = join(parent, 'breakwater');
  if (isOurs(folder)) nodeModule.enableCompileCache(folder);
}

function cacheFolder(): string | undefined {
  const { XDG_CACHE_HOME: configured = '' } = process.env;
  // One that is relative is to be ignored (XDG Base Directory §Environment variables): it would be another one in each folder.
  if (isAbsolute(configured)) return configured;
  try {
    return join(homedir(), '.cache');
  } catch {
    // A user whom the system does not know, as containers have them.
    return undefined;
  }
}

// Attack: a cache in a folder that is shared, or that of whoever called `sudo`: what they put there would run with our rights.
function isOurs(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stats = lstatSync(folder);
    const user = process.geteuid?.();
    return stats.isDirectory() && (user === undefined || (stats.uid === user && (stats.mode & 0o022) === 0));
  } catch {
    return false; // nothing can be written there
  }
}
