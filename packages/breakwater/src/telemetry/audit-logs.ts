import { splitLine } from './audit-chain.ts';
import { inOrder, logOf, readLines } from './audit-files.ts';
import { carriedMac, readEnd } from './audit-resume.ts';

/** The files of one log, in the order of their records. */
export type LogFiles = readonly string[];

/**
 * Sorts files into the logs they belong to: workers and nodes have one each. Files belong together when they have the name of a log, and when one goes on
 * where another one ends.
 */
export async function sortLogs(files: readonly string[]): Promise<LogFiles[]> {
  const logs = new Map<string, LogFiles>();
  for (const file of await inOrder(files)) logs.set(logOf(file), [...(logs.get(logOf(file)) ?? []), file]);
  if (logs.size > 1) await join(logs);
  return [...logs.values()];
}

/** Puts logs that are the beginning and the end of one chain together. */
async function join(logs: Map<string, LogFiles>): Promise<void> {
  const ends = new Map<string, string>();
  for (const [name, files] of logs) {
    const mac = await lastMacOf(files.at(-1));
    if (mac !== undefined) ends.set(mac, name);
  }
  for (const [name, files] of [...logs]) {
    const before = ends.get((await firstMacBefore(files[0])) ?? '');
    const earlier = before === undefined || before === name ? undefined : logs.get(before);
    if (before === undefined || earlier === undefined) continue;
    logs.set(before, [...earlier, ...files]);
    logs.delete(name);
    for (const [mac, owner] of ends) if (owner === name) ends.set(mac, before);
  }
}

async function firstMacBefore(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  for await (const line of readLines(file)) return carriedMac(line);
  return undefined;
}

async function lastMacOf(file: string | undefined): Promise<string | undefined> {
  const lines = file === undefined ? [] : await readEnd(file);
  return lines.map(splitLine).findLast((line) => line !== undefined)?.mac;
}
