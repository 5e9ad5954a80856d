import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { splitLine } from './audit-chain.ts';

const SEQ_DIGITS = 12;
/** What is added to the name of a full file. */
const FULL = /\.(\d{12,15})(?:-\d+)?$/;
/** No record is nearly as long; what is longer is none, and is not held in memory. */
const LONGEST_LINE_CHARS = 65_536;

/** The name of a full file: the current file's with the number of its first record, so that names sort as records do. */
export function rotatedName(file: string, firstSeq: number): string {
  return `${file}.${String(firstSeq).padStart(SEQ_DIGITS, '0')}`;
}

/** The name of the log that a file belongs to: the current file's. */
export function logOf(file: string): string {
  return file.replace(FULL, '');
}

/** The full files beside the current one, oldest first. */
export async function rotatedFiles(file: string): Promise<string[]> {
  const base = `${basename(file)}.`;
  const names = await readdir(dirname(file));
  return names
    .filter((name) => name.startsWith(base) && /^\d{12,15}(-\d+)?$/.test(name.slice(base.length)))
    .sort((a, b) => Number.parseInt(a.slice(base.length), 10) - Number.parseInt(b.slice(base.length), 10))
    .map((name) => join(dirname(file), name));
}

/**
 * The lines of a file, each byte one character, without their newlines; nothing after the last newline when nothing is there. Of a line beyond
 * 64 KiB only the start is given: it is no record, and somebody may have made it to fill our memory.
 */
export async function* readLines(path: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(path, { encoding: 'latin1', highWaterMark: 262_144 })) {
    const parts = String(chunk).split('\n');
    const last = parts.pop() ?? '';
    for (const part of parts) {
      yield clip(rest + part);
      rest = '';
    }
    rest = clip(rest + last);
  }
  if (rest !== '') yield rest;
}

/** The files of one log in the order of their records, whatever order a shell named them in. */
export async function inOrder(files: readonly string[]): Promise<string[]> {
  const places = await Promise.all(
    files.map(async (file) => ({ file, seq: (await firstSeqOf(file)) ?? seqOfName(file) })),
  );
  return places.sort((a, b) => a.seq - b.seq).map(({ file }) => file);
}

/** The number of a file's first record; undefined when its first line is none. */
export async function firstSeqOf(file: string): Promise<number | undefined> {
  for await (const line of readLines(file)) return splitLine(line)?.seq;
  return undefined;
}

/** What the name says; the current file, whose name says nothing, is the last one. */
function seqOfName(file: string): number {
  const [, digits] = FULL.exec(file) ?? [];
  return digits === undefined ? Number.MAX_SAFE_INTEGER : Number(digits);
}

function clip(line: string): string {
  return line.length > LONGEST_LINE_CHARS ? line.slice(0, LONGEST_LINE_CHARS) : line;
}
