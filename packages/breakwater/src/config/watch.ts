import { readFileSync } from 'node:fs';
import { type ConfigResult, loadConfig, type ParseOptions } from './load.ts';
import { type FileWatch, watchForChange } from './watch-file.ts';

/** How a file is watched. */
export interface WatchOptions extends ParseOptions {
  /** Called with the file read anew, valid or not. A bad result is for showing; the running configuration stays. Must not throw. */
  readonly onChange: (result: ConfigResult) => void;
  /** Quiet time after the last event, because an editor writes in several steps. */
  readonly debounceMs?: number;
  /** The text that the running configuration was made of. Where the file has another by now, it is read at once: it may have changed while the gateway started. */
  readonly since?: string | undefined;
}

const DEFAULT_DEBOUNCE_MS = 100;

/** Reads the file again when its text has changed, and always on SIGHUP. Never throws. */
export function watchConfig(path: string, options: WatchOptions): FileWatch {
  let text = options.since ?? readText(path);
  let pending: Promise<void> = Promise.resolve();
  let isClosed = false;

  const reload = (isForced: boolean) => {
    // One after the other: two reads at once could end in the wrong order and leave the older text in place.
    pending = pending.then(async () => {
      const now = readText(path);
      if (isClosed || (now === text && !isForced)) return;
      text = now;
      const result = await loadConfig(path, options);
      if (!isClosed) options.onChange(result);
    });
  };
  const onSignal = () => reload(true);

  const watch = watchForChange(path, options.debounceMs ?? DEFAULT_DEBOUNCE_MS, () => reload(false));
  process.on('SIGHUP', onSignal);
  reload(false);
  return {
    close() {
      isClosed = true;
      process.off('SIGHUP', onSignal);
      watch.close();
    },
  };
}

/** The text of a file, or undefined when there is none to read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Between an editor's removal and its rename there is no file: a state like any other.
    return undefined;
  }
}
