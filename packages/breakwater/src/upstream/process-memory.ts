import { readFileSync } from 'node:fs';

const PAGE_BYTES = 4_096;
/** A tree deeper or wider than this is not a server with helpers any more. */
const MOST_PROCESSES = 64;

/**
 * Resident memory of a process and its descendants (`npx` and `sh -c` run the real server as a grandchild); undefined where the system does
 * not tell. Shared pages count for each process.
 */
export function residentBytes(pid: number): number | undefined {
  const own = readResident(pid);
  if (own === undefined) return undefined;
  const members = [pid];
  let total = own;
  for (let index = 0; index < members.length && members.length < MOST_PROCESSES; index++) {
    for (const child of readChildren(members[index] ?? 0)) {
      members.push(child);
      total += readResident(child) ?? 0;
    }
  }
  return total;
}

function readResident(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return undefined; // gone, or a system without /proc
  }
}

function readChildren(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // gone meanwhile, or a kernel that does not list children
  }
}
