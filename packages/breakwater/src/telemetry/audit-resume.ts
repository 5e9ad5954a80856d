import { open, stat } from 'node:fs/promises';
import { type AuditKeys, type SealedLine, splitLine } from './audit-chain.ts';
import { firstSeqOf, readLines, rotatedFiles } from './audit-files.ts';
import { unknownEnd } from './audit-fold.ts';
import { asciiJson } from './audit-text.ts';

/** What a crash left behind: a line whose end was never written. The digest is of its text, without the last newline. */
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
  /** The current file does not end with a newline: the next record needs one first. */
  readonly needsNewline: boolean;
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
  needsNewline: false,
  unclosed: [],
};

/** The id of an exchange that was begun, and what its end says again. */
const STARTED = /"event":"exchange\.start",(?<members>"exchange":(?<id>"[^"]*").*),"mac":"[\w-]{43}"\}$/;
const ENDED = /"event":"exchange\.end","exchange":(?<id>"[^"]*").*,"started":true,/;

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
  const lines = await readEnd(last);
  const needsNewline = last === file && lines.at(-1) !== '';
  if (lines.at(-1) === '') lines.pop();
  // Of a whole record only the newline may be missing. More than one line is torn when a gateway crashed in its first write after a crash.
  const at = lines.findLastIndex((line) => splitLine(line) !== undefined);
  const remains = lines.slice(at + 1).join('\n');
  const torn = remains === '' ? undefined : { bytes: remains.length, digest: keys.digest(remains) };
  const line = splitLine(lines[at] ?? '');
  if (line === undefined) {
    const isOurs = last === file && lines.every((each) => BEGINNING.startsWith(each.slice(0, BEGINNING.length)));
    if (isOurs) return { ...NEW, firstSeq: 0, sizeBytes, torn, needsNewline };
    throw new Error(`${last} is no audit log`);
  }
  const before = lines.slice(0, at).findLast((each) => splitLine(each) !== undefined);
  const isStopped = torn === undefined && eventOf(line.text) === 'gateway.stop';
  return {
    tail: isWhole(line, splitLine(before ?? ''), keys) ? 'whole' : 'unverified',
    nextSeq: line.seq + 1,
    mac: line.mac,
    firstSeq: last === file ? ((await firstSeqOf(file)) ?? 0) : undefined,
    sizeBytes,
    torn,
    needsNewline,
    unclosed: isStopped ? [] : await findUnclosed([...full, ...(last === file ? [file] : [])]),
  };
}

/** Whether the last record fits the one before it. */
function isWhole(last: SealedLine, before: SealedLine | undefined, keys: AuditKeys): boolean {
  const previous = before?.mac ?? carriedMac(last.text);
  return previous !== undefined && keys.mac(previous, last.text) === last.mac;
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
export async function readEnd(file: string): Promise<string[]> {
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

/** Pairs the opens and closes of all files, and the starts and ends of exchanges; what is left has no end. */
async function findUnclosed(files: readonly string[]): Promise<string[]> {
  const open = new Map<string, string>();
  for (const file of files) {
    for await (const line of readLines(file)) {
      const { id = '', members } = STARTED.exec(line)?.groups ?? {};
      if (members !== undefined) open.set(`exchange ${id}`, unknownEnd(members));
      const ended = ENDED.exec(line)?.groups?.['id'];
      if (ended !== undefined) open.delete(`exchange ${ended}`);
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
