import { readFile } from 'node:fs/promises';
import type { AuditKeySource, AuditQuery } from './cli/audit-args.ts';
import { type AuditKeys, auditKeys } from './telemetry/audit-chain.ts';
import { inOrder, readLines } from './telemetry/audit-files.ts';
import { MomentReplay } from './telemetry/audit-moment.ts';
import { type AuditRecord, readRecord } from './telemetry/audit-record.ts';
import { momentText, storyText, verdictText } from './telemetry/audit-report.ts';
import { SessionTimeline } from './telemetry/audit-session.ts';
import { asciiJson } from './telemetry/audit-text.ts';
import { type AuditVerdict, AuditVerifier } from './telemetry/audit-verify.ts';

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
  if (question.about === 'verify') {
    const verdict = await readLog(query, keys, () => undefined);
    if (verdict === undefined) return UNREADABLE;
    print(verdict, verdictText(verdict));
    return verdict.ok ? 0 : NO;
  }
  if (question.about === 'at') {
    const replay = new MomentReplay(question.time);
    const verdict = await readLog(query, keys, (record) => replay.take(record));
    const moment = replay.finish();
    print({ ...moment, chain: summaryOf(verdict) }, momentText(moment) + chainText(verdict));
    return verdict?.ok === false ? NO : 0;
  }
  const { id } = question;
  const timeline = new SessionTimeline([id, ...(keys === undefined ? [] : [keys.ref('session', id)])]);
  const verdict = await readLog(query, keys, (record) => timeline.take(record));
  const story = timeline.finish();
  if (story === undefined) {
    const hint = keys === undefined ? '; a plain session id needs --key-env or --key-file' : '';
    io.stderr.write(`breakwater: no record speaks of this session${hint}\n`);
    return NO;
  }
  print({ ...story, chain: summaryOf(verdict) }, storyText(story) + chainText(verdict));
  return verdict?.ok === false ? NO : 0;
}

/** Reads all files, oldest first; with the key the chain is checked on the way. */
async function readLog(
  { files, question }: AuditQuery,
  keys: AuditKeys | undefined,
  take: (record: AuditRecord) => void,
): Promise<AuditVerdict | undefined> {
  const expected = question.about === 'verify' ? question.expected : undefined;
  const verifier = keys === undefined ? undefined : new AuditVerifier(keys, expected);
  for (const file of await inOrder(files)) {
    let line = 0;
    for await (const text of readLines(file)) {
      line++;
      verifier?.take({ file, line, text });
      const record = question.about === 'verify' ? undefined : readRecord(text);
      if (record !== undefined) take(record);
    }
  }
  return verifier?.finish();
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
