import { type FSWatcher, realpathSync, unwatchFile, watch, watchFile } from 'node:fs';
import { dirname } from 'node:path';

/** Ends the watching; afterwards nothing is called any more. */
export interface FileWatch {
  close(): void;
}

const POLL_MS = 2000;

/** Calls `onQuiet` when something happened to a file, or to what lies beside it, and `debounceMs` were quiet since. Never throws. */
export function watchForChange(path: string, debounceMs: number, onQuiet: () => void): FileWatch {
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let isPolling = false;

  const onEvent = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      watchFolders();
      onQuiet();
    }, debounceMs);
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

  watchFolders();
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
      if (isPolling) unwatchFile(path, onEvent);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

function foldersOf(path: string): string[] {
  try {
    return [...new Set([dirname(path), dirname(realpathSync(path))])];
  } catch {
    // No such file at this moment: the folder it will come back to is enough.
    return [dirname(path)];
  }
}
