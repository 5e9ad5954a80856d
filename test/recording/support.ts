import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pseudonyms } from '../../packages/breakwater/src/recording/pseudonyms.ts';
import {
  type RecordedExchange,
  readRecordLine,
  writeRecordLine,
} from '../../packages/breakwater/src/recording/record.ts';
import { Recorder } from '../../packages/breakwater/src/recording/recorder.ts';
import { type Program, startProgram } from '../e2e/support/programs.ts';

export const BIN = 'packages/breakwater/src/bin.ts';

/** A recorder in this process. */
export interface Recording extends AsyncDisposable {
  readonly url: string;
  /** What is over so far, each through its line. */
  readonly exchanges: RecordedExchange[];
  /** The lines as they would be written. */
  readonly lines: string[];
}

/** Records in this process, into memory. */
export async function startRecorder(target: string, keepValues = false): Promise<Recording> {
  const exchanges: RecordedExchange[] = [];
  const lines: string[] = [];
  const recorder = new Recorder({
    target: new URL(target),
    names: new Pseudonyms(Buffer.from('a key for this test alone')),
    keepValues,
    onExchange: (record) => {
      const line = writeRecordLine(record);
      lines.push(line);
      exchanges.push(parseLine(line));
    },
  });
  await new Promise<void>((resolve) => recorder.server.listen(0, '127.0.0.1', resolve));
  const { port } = recorder.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${new URL(target).pathname}`,
    exchanges,
    lines,
    [Symbol.asyncDispose]: () => recorder.close(),
  };
}

/** `breakwater record` as a process; resolves when it listens. */
export async function startRecord(args: readonly string[]): Promise<Program & { readonly url: string }> {
  const program = startProgram(process.execPath, [BIN, 'record', '--listen', '127.0.0.1:0', ...args]);
  const [, url = ''] = await program.until(/Recording (http:\S+)/);
  return { ...program, url };
}

/** The exchanges of a file. */
export function readExchanges(path: string): RecordedExchange[] {
  return readFileSync(path, 'utf8').trimEnd().split('\n').map(parseLine);
}

/** A folder of its own, with a path in it. */
export async function makeFolder(): Promise<AsyncDisposable & { at(name: string): string }> {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-recording-'));
  return { at: (name) => join(folder, name), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

function parseLine(line: string): RecordedExchange {
  const read = readRecordLine(line.trimEnd());
  if (!read.ok) throw new Error(`a line ${read.why}: ${line}`);
  return read.exchange;
}
