/** What Linux says about CPU time and memory. On other systems every reading is absent and the report says so. */
import { readdirSync, readFileSync } from 'node:fs';

/** One reading of a process and all its descendants. */
export interface TreeReading {
  /** User and system time so far, reaped children included. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly processes: number;
}

interface ProcessReading {
  readonly pid: number;
  readonly parent: number;
  readonly cpuMs: number;
  readonly rssBytes: number;
}

/** Linux reports process times in ticks of 10 ms (USER_HZ is 100 on every architecture Node runs on). */
const TICK_MS = 10;
const PAGE_BYTES = 4096;

/** True when CPU time of other processes can be read. */
export const HAS_PROC = process.platform === 'linux';

/** Reads the process trees below the given roots in one pass, in the same order. Absent entries are processes that are gone. */
export function readTrees(roots: readonly number[]): readonly (TreeReading | undefined)[] {
  if (!HAS_PROC) return roots.map(() => undefined);
  const readings = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
  return roots.map((root) => sumTree(readings, root));
}

/** Time one core has spent busy since boot, for whomever. */
export function readCoreBusyMs(core: number): number | undefined {
  if (!HAS_PROC) return undefined;
  const line = readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`cpu${core} `));
  if (line === undefined) return undefined;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_MS;
}

function readProcess(pid: number): ProcessReading | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // Gone between the listing and now.
    return undefined;
  }
  // Field 2 is the name in parentheses and may hold spaces; the fields after it start with number 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid,
    parent: field(4),
    cpuMs: (field(14) + field(15) + field(16) + field(17)) * TICK_MS,
    rssBytes: field(24) * PAGE_BYTES,
  };
}

function sumTree(readings: readonly ProcessReading[], root: number): TreeReading | undefined {
  const members = readings.filter((each) => each.pid === root);
  if (members.length === 0) return undefined;
  for (let index = 0; index < members.length; index += 1) {
    members.push(...readings.filter((each) => each.parent === members[index]?.pid));
  }
  return {
    cpuMs: members.reduce((sum, each) => sum + each.cpuMs, 0),
    rssBytes: members.reduce((sum, each) => sum + each.rssBytes, 0),
    processes: members.length,
  };
}
