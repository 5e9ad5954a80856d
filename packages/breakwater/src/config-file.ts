import { type ConfigResult, loadConfig } from './config/load.ts';
import type { ConfigOverrides } from './config/overrides.ts';
import { readText, watchConfig } from './config/watch.ts';
import type { FileWatch } from './config/watch-file.ts';
import { ACCOMMODATIONS } from './downstream/accommodations.ts';

const accommodationIds = ACCOMMODATIONS.map(({ id }) => id);

/** Reads a configuration file as this program understands it: unknown accommodations are issues. Never rejects. */
export async function readConfigFile(path: string, overrides?: ConfigOverrides): Promise<ConfigResult> {
  return await loadConfig(path, { accommodationIds, ...(overrides && { overrides }) });
}

/** Makes what watches the file from now on: read again when it has changed, also before the watching began, and on SIGHUP; `onChange` gets what was read, valid or not. */
export function configWatcher(
  path: string,
  overrides: ConfigOverrides,
): (onChange: (result: ConfigResult) => void) => FileWatch {
  const since = readText(path);
  return (onChange) => watchConfig(path, { accommodationIds, overrides, since, onChange });
}
