/**
 * Preloaded into a measured process (`node --expose-gc --import …/probe.ts …`): answers what it holds after a forced collection, over
 * IPC. It keeps nothing alive and changes nothing else.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Reading } from './reading.ts';

const COLLECTIONS = 4;
const PAUSE_MS = 60;

process.on('message', (message) => {
  if (message === 'read') void read().then((reading) => process.send?.(reading));
});
process.channel?.unref();

// V8 gives pages back some time after the collection that emptied them, so it takes several with a pause between.
async function read(): Promise<Reading> {
  for (let round = 0; round < COLLECTIONS; round++) {
    globalThis.gc?.();
    await wait(PAUSE_MS, undefined, { ref: false });
  }
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const type of process.getActiveResourcesInfo()) resources[type] = (resources[type] ?? 0) + 1;
  return {
    rssBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
    bufferBytes: arrayBuffers,
    fds: countEntries('/proc/self/fd'),
    resources,
  };
}

function countEntries(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch {
    return -1; // no /proc here: the column stays empty
  }
}
