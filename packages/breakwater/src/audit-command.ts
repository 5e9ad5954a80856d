import { readFile } from 'node:fs/promises';
import type { AuditKeySource, AuditQuery } from './cli/audit-args.ts';
import { type AuditKeys, auditKeys } from './telemetry/audit-chain.ts';
import { logOf, readLines } from './telemetry/audit-files.ts';
import { type LogFiles, sortLogs } from './telemetry/audit-logs.ts';
import { MomentReplay } from './telemetry/audit-moment.ts';
import { type AuditRecord, readRecord } from './telemetry/audit-record.ts';
import { momentText, storyText, verdictText } from './telemetry/audit-report.ts';
import { SessionTimeline } from './telemetry/audit-session.ts';
import { joinStories } from './telemetry/audit-stories.ts';
import { asciiJson } from './telemetry/audit-text.ts';
import { type AuditVerdict, AuditVerifier, type ExpectedRecord } from './telemetry/audit-verify.ts';

/** The chain is broken, or the session is unknown. */
const NO = 1;
/** The question could not be answered: no key, no file. */
const UNREADABLE = 2;

type Env = Readonly<Record<string, string | undefined>>;

/** Where the program reads variables and writes what it has to say: the process, or a part of it. */
export interface AuditIo {
  readonly env: Env;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Answers a question about an audit log on stdout; resolves to the exit code. */
export async function runAudit(query: AuditQuery, io: AuditIo): Promise<number> {
  try {
    return await answer(query, io, query.key === undefined ? undefined : auditKeys(await readKey(query.key, io.env)));
  } catch (error) {
    io.stderr.write(`breakwater: ${error instanceof Error ? error.message : String(error)}\n`);
    return UNREADABLE;
  }
}

async function answer(query: AuditQuery, io: AuditIo, keys: AuditKeys | undefined): Promise<number> {
  const { question } = query;
  const print = (value: unknown, text: string): void => {
    io.stdout.write(query.json ? `${asciiJson(value)}\n` : text);
  };
  const logs = await sortLogs(query.files);
  if (question.about === 'verify') {
    if (question.expected !== undefined && logs.length > 1)
      throw new Error('--expect-last goes with the files of one log, and these are several');
    const found = await readLogs(logs, keys, undefined, question.expected);
    const verdicts = found.flatMap(({ log, verdict }) => (verdict === undefined ? [] : [{ log, ...verdict }]));
    if (verdicts.length === 0) return UNREADABLE;
    const ok = verdicts.every((verdict) => verdict.ok);
    print(
      alone(verdicts.map(({ log: _, ...verdict }) => verdict)) ?? { ok, logs: verdicts },
      eachLog(verdicts, (verdict) => verdictText(verdict)),
    );
    return ok ? 0 : NO;
  }
  if (question.about === 'at') {
    const { time } = question;
    const replays = logs.map(() => new MomentReplay(time));
    const found = await readLogs(logs, keys, (record, at) => replays[at]?.take(record));
    const moments = found.map(({ log, verdict }, at) => ({
      log,
      verdict,
      moment: (replays[at] ?? new MomentReplay(time)).finish(),
    }));
    const told = moments.map(({ log, moment, verdict }) => ({ log, ...moment, chain: summaryOf(verdict) }));
    print(
      alone(told.map(({ log: _, ...moment }) => moment)) ?? { logs: told },
      eachLog(moments, ({ moment, verdict }) => momentText(moment) + chainText(verdict)),
    );
    return found.some(({ verdict }) => verdict?.ok === false) ? NO : 0;
  }
  const { id } = question;
  const refs = [id, ...(keys === undefined ? [] : [keys.ref('session', id)])];
  const timelines = logs.map(() => new SessionTimeline(refs));
  const found = await readLogs(logs, keys, (record, at) => timelines[at]?.take(record));
  const stories = timelines.map((timeline) => timeline.finish()).filter((story) => story !== undefined);
  const story = joinStories(stories);
  if (story === undefined) {
    const hint = keys === undefined ? '; a plain session id needs --key-env or --key-file' : '';
    io.stderr.write(`breakwater: no record speaks of this session${hint}\n`);
    return NO;
  }
  const broken = found.find(({ verdict }) => verdict?.ok === false)?.verdict;
  const verdict = broken ?? found[0]?.verdict;
  print({ ...story, chain: summaryOf(verdict) }, storyText(story) + chainText(verdict));
  return broken === undefined ? 0 : NO;
}

/** A log that was read, and with the key what is to be said of its chain. */
interface ReadLog {
  /** Its current file. */
  readonly log: string;
  readonly verdict: AuditVerdict | undefined;
}

/** Reads all files of each log, oldest first; with the key the chain is checked on the way. `take` is told which log a record is from. */
async function readLogs(
  logs: readonly LogFiles[],
  keys: AuditKeys | undefined,
  take: ((record: AuditRecord, at: number) => void) | undefined,
  expected?: ExpectedRecord,
): Promise<ReadLog[]> {
  const read: ReadLog[] = [];
  for (const [at, files] of logs.entries()) {
    const verifier = keys === undefined ? undefined : new AuditVerifier(keys, expected);
    for (const file of files) {
      let line = 0;
      for await (const text of readLines(file)) {
        line++;
        verifier?.take({ file, line, text });
        const record = take === undefined ? undefined : readRecord(text);
        if (record !== undefined) take?.(record, at);
      }
    }
    read.push({ log: logOf(files.at(-1) ?? ''), verdict: verifier?.finish() });
  }
  return read;
}

/** The only one; undefined when there are several. */
function alone<T>(values: readonly T[]): T | undefined {
  return values.length === 1 ? values[0] : undefined;
}

/** What is said of each log, under its name where there are several. */
function eachLog<T extends { readonly log: string }>(logs: readonly T[], write: (log: T) => string): string {
  if (logs.length === 1) return logs.map(write).join('');
  return logs.map((log) => `${log.log}:\n${write(log)}`).join('\n');
}

function summaryOf(verdict: AuditVerdict | undefined): string {
  if (verdict === undefined) return 'unchecked';
  return verdict.ok ? 'whole' : 'broken';
}

function chainText(verdict: AuditVerdict | undefined): string {
  if (verdict === undefined) return 'note: the chain was not checked; name the key to check it\n';
  return verdict.ok ? '' : `\n${verdictText(verdict)}`;
}

async function readKey(source: AuditKeySource, env: Env): Promise<string> {
  const text = source.kind === 'env' ? env[source.name] : await readFile(source.path, 'utf8');
  if (text === undefined || text.trim() === '')
    throw new Error(source.kind === 'env' ? `the variable ${source.name} is not set` : `${source.path} is empty`);
  return text.trim();
}
