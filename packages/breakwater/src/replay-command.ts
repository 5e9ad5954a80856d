import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ReplayQuery } from './cli/replay-args.ts';
import { isLoopbackHost, Target } from './doctor/target.ts';
import { styleOf } from './doctor/terminal.ts';
import { readRecording } from './recording/read-recording.ts';
import type { RecordedExchange } from './recording/record.ts';
import { replay } from './recording/replay.ts';
import { renderReplayJunit } from './recording/replay-junit.ts';
import { countsOf, renderReplayJson } from './recording/replay-report.ts';
import { renderReplayTable } from './recording/replay-table.ts';

/** Requests a second where none are named: a server of one's own can take more than somebody else's. */
const RATE_OWN = 50;
const RATE_REMOTE = 5;
/** Wrong usage, an unreadable recording, or nobody there. */
const UNUSABLE = 2;

/** Where the report goes. */
export interface ReplayIo {
  readonly stdout: {
    readonly isTTY?: boolean | undefined;
    readonly columns?: number | undefined;
    write(text: string): unknown;
  };
  readonly stderr: { write(text: string): unknown };
}

/** Plays a recording and says what is not as it was. Resolves to the exit code: 0 the same, 1 something differs, 2 wrong usage. */
export async function runReplay(query: ReplayQuery, version: string, io: ReplayIo): Promise<number> {
  const complain = (sentence: string): number => {
    io.stderr.write(`breakwater: ${sentence}\n`);
    return UNUSABLE;
  };
  const target = new Target(query.target);
  const { hostname } = target.url;
  const isOwn = isLoopbackHost(hostname);
  if (!isOwn && !query.permitted.some((host) => host.toLowerCase() === hostname)) {
    return complain(
      `${hostname} is not this machine. If its operator agrees to be played at, add --allow-remote ${hostname}`,
    );
  }
  let exchanges: RecordedExchange[];
  try {
    exchanges = await readRecording(query.path);
  } catch (error) {
    return complain(`${query.path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (exchanges.length === 0) return complain(`${query.path} holds no exchange`);
  const report = await replay({
    target,
    exchanges,
    rate: query.rate ?? (isOwn ? RATE_OWN : RATE_REMOTE),
    concurrency: query.concurrency,
    answerMs: query.answerMs,
    extra: query.headers,
    callTools: query.callTools,
    version,
  });
  if (report.played.every(({ verdict, reason }) => verdict === 'skipped' || reason === 'nothing listens there'))
    if (report.played.some(({ reason }) => reason === 'nothing listens there'))
      return complain(`${target.url.href}: nothing listens there`);
  io.stdout.write(query.json ? renderReplayJson(report) : renderReplayTable(report, styleOf(io.stdout)));
  if (query.junitPath !== undefined) {
    try {
      await mkdir(dirname(query.junitPath), { recursive: true });
      await writeFile(query.junitPath, renderReplayJunit(report));
    } catch (error) {
      return complain(
        `${query.junitPath} could not be written: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  return countsOf(report).differs === 0 ? 0 : 1;
}
