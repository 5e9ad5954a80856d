import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { RecordQuery } from './cli/record-args.ts';
import { Pseudonyms } from './recording/pseudonyms.ts';
import { Recorder } from './recording/recorder.ts';
import { RecordingFile } from './recording/recording-file.ts';

/** Nothing was recorded: the file or the address cannot be had. */
const UNUSABLE = 2;

/** Where the recorder tells what it does. */
export interface RecordIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Records what passes until `stopped` resolves; resolves to the exit code. */
export async function runRecord(query: RecordQuery, io: RecordIo, stopped: Promise<unknown>): Promise<number> {
  let file: RecordingFile;
  try {
    file = new RecordingFile(query.outPath, query.mostBytes, query.force);
  } catch (error) {
    return complain(io, `${query.outPath} ${describeFile(error)}`);
  }
  let missed = 0;
  const tell = (sentence: string): void => void io.stderr.write(`breakwater: ${sentence}\n`);
  const recorder = new Recorder({
    target: query.target,
    names: new Pseudonyms(randomBytes(32)),
    keepValues: query.keepValues,
    onExchange: (record) => {
      const written = file.append(record);
      if (written === 'written') return;
      if (missed === 0)
        tell(
          written === 'full'
            ? `${query.outPath} has reached --max-bytes; traffic passes, but is no longer recorded`
            : `${query.outPath} cannot be written: ${file.failure ?? ''}`,
        );
      missed += 1;
    },
  });
  try {
    await listen(recorder, query);
  } catch (error) {
    file.close();
    return complain(
      io,
      `cannot listen on ${query.host}:${query.port}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const { address, port, family } = recorder.server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  const { pathname, search, origin } = query.target;
  io.stdout.write(`Recording http://${host}:${port}${pathname}${search} → ${origin}${pathname}${search}\n`);
  io.stdout.write(
    `Into ${query.outPath}${query.keepValues ? ' WITH the values of arguments and results' : ', values hidden'}. Ctrl-C ends it.\n`,
  );
  await stopped;
  await recorder.close();
  file.close();
  io.stdout.write(`${file.count} exchanges recorded${missed === 0 ? '' : `, ${missed} not`}.\n`);
  return file.failure === undefined ? 0 : 1;
}

function listen({ server }: Recorder, { host, port }: RecordQuery): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host.replace(/^\[|\]$/g, ''), resolve);
  });
}

function describeFile(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EEXIST') return 'exists already; --force writes over it';
  if (code === 'ELOOP') return 'is a link; name the file itself';
  return `cannot be written: ${error instanceof Error ? error.message : String(error)}`;
}

function complain(io: RecordIo, sentence: string): number {
  io.stderr.write(`breakwater: ${sentence}\n`);
  return UNUSABLE;
}
