import { open, stat } from 'node:fs/promises';
import { type AuditKeys, splitLine } from './audit-chain.ts';
import { firstSeqOf, readLines, rotatedFiles } from './audit-files.ts';
import { asciiJson } from './audit-text.ts';

/** What a crash left behind: the start of a line whose end was never written. */
export interface TornLine {
  readonly bytes: number;
  readonly digest: string;
}

/** How a log that is there already goes on. */
export interface Resumption {
  /** `new`: there is none. `whole`: its end fits the key. `unverified`: it does not; somebody changed it, or the key. */
  readonly tail: 'new' | 'whole' | 'unverified';
  readonly nextSeq: number;
  readonly mac: string;
  /** Number of the first record of the current file; undefined when that file is to be begun. */
  readonly firstSeq: number | undefined;
  readonly sizeBytes: number;
  readonly torn: TornLine | undefined;
  /** The members of the closes that nobody wrote, of what was open when the last gateway died. */
  readonly unclosed: readonly string[];
}

const NEW: Resumption = {
  tail: 'new',
  nextSeq: 0,
  mac: '',
  firstSeq: undefined,
  sizeBytes: 0,
  torn: undefined,
  unclosed: [],
};

/** How every log begins. */
const BEGINNING = '{"v":1,"seq":0,';
/** Beyond the longest record many times over. */
const TAIL_BYTES = 262_144;

/** Reads how the log in `file` ends. Rejects when the file cannot be read or is no audit log. */
export async function readResumption(file: string, keys: AuditKeys): Promise<Resumption> {
  const full = await rotatedFiles(file);
  const sizeBytes = await sizeOf(file);
  // A crash between the renaming of a full file and the first record of the next one leaves no current file.
  const last = sizeBytes > 0 ? file : full.at(-1);
  if (last === undefined) return NEW;
  const end = await readEnd(last);
  const rest = end.pop() ?? '';
  const torn = rest === '' ? undefined : { bytes: rest.length, digest: keys.digest(rest) };
  const line = splitLine(end.at(-1) ?? '') ?? splitLine(end.findLast((each) => splitLine(each) !== undefined) ?? '');
  if (line === undefined) {
    // A crash in the very first write.
    if (last === file && end.length === 0 && BEGINNING.startsWith(rest.slice(0, BEGINNING.length)))
      return { ...NEW, firstSeq: 0, sizeBytes, torn };
    throw new Error(`${last} is no audit log`);
  }
  const isStopped = torn === undefined && eventOf(line.text) === 'gateway.stop';
  return {
    tail: isWhole(end, keys) ? 'whole' : 'unverified',
    nextSeq: line.seq + 1,
    mac: line.mac,
    firstSeq: last === file ? ((await firstSeqOf(file)) ?? 0) : undefined,
    sizeBytes,
    torn,
    unclosed: isStopped ? [] : await findUnclosed([...full, ...(last === file ? [file] : [])]),
  };
}

/** Whether the last line fits the one before it. */
function isWhole(lines: readonly string[], keys: AuditKeys): boolean {
  const last = splitLine(lines.at(-1) ?? '');
  if (last === undefined) return false;
  const before = splitLine(lines.at(-2) ?? '')?.mac ?? carriedMac(last.text);
  return before !== undefined && keys.mac(before, last.text) === last.mac;
}

/** The MAC that the first record of a file names as the one before it; undefined for records that name none. */
export function carriedMac(text: string): string | undefined {
  return /"event":"log\.(?:genesis|continue)","prev":"([\w-]{43}|)"/.exec(text)?.[1];
}

function eventOf(text: string): string | undefined {
  return /"event":"([\w.]+)"/.exec(text)?.[1];
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}

/** The last lines of a file, and as the last element what stands after its last newline. */
async function readEnd(file: string): Promise<string[]> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, size - bytes.length);
    const lines = bytes.subarray(0, bytesRead).toString('latin1').split('\n');
    // The first one may have begun before what was read.
    return size > TAIL_BYTES ? lines.slice(1) : lines;
  } finally {
    await handle.close();
  }
}

/** Pairs the opens and closes of all files; what is left has no close. */
async function findUnclosed(files: readonly string[]): Promise<string[]> {
  const open = new Map<string, string>();
  for (const file of files) {
    for await (const line of readLines(file)) {
      const [, resource, verb] = /"event":"(\w+)\.(open|close)",/.exec(line) ?? [];
      const text = splitLine(line)?.text;
      if (resource === undefined || text === undefined) continue;
      const record = JSON.parse(`${text}}`) as Readonly<Record<string, unknown>>;
      const identity = asciiJson(record[resource]);
      const owner = record['owner'] === undefined ? '' : `,"owner":${asciiJson(record['owner'])}`;
      const key = `${resource} ${identity}`;
      if (verb === 'close') open.delete(key);
      else open.set(key, `"event":"${resource}.close","${resource}":${identity}${owner}`);
    }
  }
  return [...open.values()];
}
