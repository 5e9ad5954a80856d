import { type FSWatcher, readFileSync, realpathSync, unwatchFile, watch, watchFile } from 'node:fs';
import { dirname } from 'node:path';
import { type ConfigResult, loadConfig, type ParseOptions } from './load.ts';

/** How a file is watched. */
export interface WatchOptions extends ParseOptions {
  /** Called with the file read anew, valid or not. A bad result is for showing; the running configuration stays. Must not throw. */
  readonly onChange: (result: ConfigResult) => void;
  /** Quiet time after the last event, because an editor writes in several steps. */
  readonly debounceMs?: number;
}

/** Ends the watching; afterwards `onChange` is not called any more. */
export interface ConfigWatch {
  close(): void;
}

const DEFAULT_DEBOUNCE_MS = 100;
const POLL_MS = 2000;

/** Reads the file again when its text has changed, and always on SIGHUP. Never throws. */
export function watchConfig(path: string, options: WatchOptions): ConfigWatch {
  const watchers = new Map<string, FSWatcher>();
  let text = readText(path);
  let timer: NodeJS.Timeout | undefined;
  let pending: Promise<void> = Promise.resolve();
  let isClosed = false;
  let isPolling = false;

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
  const onEvent = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      watchFolders();
      reload(false);
    }, options.debounceMs ?? DEFAULT_DEBOUNCE_MS);
  };
  // Without inotify (network drives, no watches left) looking every other second is better than never.
  const poll = () => {
    if (isPolling || isClosed) return;
    isPolling = true;
    watchFile(path, { interval: POLL_MS, persistent: false }, onEvent);
  };
  // Folders, not the file: an editor that replaces the file by renaming leaves a file watcher on the dead one, and Kubernetes
  // swaps a link beside the file. The real folder too, where the file itself is a link to somewhere else.
  const watchFolders = () => {
    const folders = foldersOf(path);
    for (const [folder, watcher] of watchers) {
      if (folders.includes(folder)) continue;
      watchers.delete(folder);
      watcher.close();
    }
    for (const folder of folders) {
      if (watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, onEvent);
        watchers.set(folder, watcher);
        watcher.on('error', () => {
          watchers.delete(folder);
          watcher.close();
          poll();
        });
      } catch {
        // No such folder, or no watches left: polling finds the file in either case.
        poll();
      }
    }
  };
  const onSignal = () => reload(true);

  watchFolders();
  process.on('SIGHUP', onSignal);
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
      process.off('SIGHUP', onSignal);
      if (isPolling) unwatchFile(path, onEvent);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** The text, or undefined when there is none to read. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Between an editor's removal and its rename there is no file: a state like any other.
    return undefined;
  }
}

function foldersOf(path: string): string[] {
  try {
    return [...new Set([dirname(path), dirname(realpathSync(path))])];
  } catch {
    // No such file at this moment: the folder it will come back to is enough.
    return [dirname(path)];
  }
}
