import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runAudit } from '../../packages/breakwater/src/audit-command.ts';
import { parseArgs } from '../../packages/breakwater/src/cli/args.ts';
import { type AuditLog, openAudit } from '../../packages/breakwater/src/telemetry/audit.ts';
import { auditKeys } from '../../packages/breakwater/src/telemetry/audit-chain.ts';
import { inOrder, readLines } from '../../packages/breakwater/src/telemetry/audit-files.ts';
import { type AuditRecord, readRecord } from '../../packages/breakwater/src/telemetry/audit-record.ts';
import type { AuditSettings } from '../../packages/breakwater/src/telemetry/audit-settings.ts';
import {
  type AuditVerdict,
  AuditVerifier,
  type ExpectedRecord,
} from '../../packages/breakwater/src/telemetry/audit-verify.ts';
import { ManualClock } from '../downstream/manual-clock.ts';

export const KEY = 'a key of at least thirty-two characters';

/** A folder of its own for the logs of one test. */
export interface Scratch extends AsyncDisposable {
  readonly folder: string;
  /** The current file. */
  readonly file: string;
  /** All files of the log, oldest first. */
  files(): Promise<string[]>;
}

export async function scratch(): Promise<Scratch> {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-audit-'));
  return {
    folder,
    file: join(folder, 'audit.ndjson'),
    files: async () => await inOrder((await readdir(folder)).map((name) => join(folder, name))),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What an audit log told its operator. */
export type Notice = { readonly level: string; readonly message: string; readonly detail: unknown };

/** An open log beside what it told its operator. */
export interface OpenLog {
  readonly log: AuditLog;
  readonly notices: readonly Notice[];
  /** Closes it without waiting for what is open. */
  end(): Promise<void>;
}

let instances = 0;

export async function openLog(
  file: string,
  settings: Partial<AuditSettings> = {},
  clock: ManualClock = new ManualClock(),
): Promise<OpenLog> {
  const notices: Notice[] = [];
  const log = await openAudit(
    {
      file,
      key: KEY,
      mode: 'best-effort',
      maxBytes: 1e9,
      keepFiles: 0,
      exchanges: 'all',
      principals: 'hashed',
      flushMs: 1_000,
      queueBytes: 1e9,
      anchorEvery: 1e9,
      ...settings,
    },
    {
      clock,
      instance: `test-${++instances}`,
      version: '0',
      notice: (level, message, detail) => notices.push({ level, message, detail }),
    },
  );
  const end = async (): Promise<void> => {
    const closing = log.close();
    clock.advance(10_000);
    await closing;
  };
  return { log, notices, end };
}

/** Opens a log, records the life of some sessions and closes it. */
export async function writeLog(file: string, sessions = 4, settings: Partial<AuditSettings> = {}): Promise<OpenLog> {
  const opened = await openLog(file, settings);
  for (let n = 0; n < sessions; n += 1) openSession(opened.log, `session-${n}`);
  for (let n = 0; n < sessions; n += 1) closeSession(opened.log, `session-${n}`);
  await opened.log.close();
  return opened;
}

export function openSession(log: AuditLog, id: string): void {
  log.record({
    type: 'open',
    resource: 'session',
    id,
    owner: 'alice',
    principal: 'alice',
    detail: 'streamable 2025-11-25',
  });
}

export function closeSession(log: AuditLog, id: string, reason = 'deleted'): void {
  log.record({ type: 'close', resource: 'session', id, reason });
}

export async function readText(file: string): Promise<string> {
  return await readFile(file, 'latin1');
}

/** The lines of a file, without the empty one after its last newline. */
export async function linesOf(file: string): Promise<string[]> {
  const lines = (await readText(file)).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

export async function rewrite(file: string, lines: readonly string[]): Promise<void> {
  await writeFile(file, lines.map((line) => `${line}\n`).join(''), 'latin1');
}

export async function recordsOf(...files: readonly string[]): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for (const file of files) {
    for await (const line of readLines(file)) {
      const record = readRecord(line);
      if (record === undefined) throw new Error(`no record: ${line}`);
      records.push(record);
    }
  }
  return records;
}

export async function verify(
  files: readonly string[],
  { key = KEY, expected }: { key?: string; expected?: ExpectedRecord } = {},
): Promise<AuditVerdict> {
  const verifier = new AuditVerifier(auditKeys(key), expected);
  for (const file of files) {
    let line = 0;
    for await (const text of readLines(file)) verifier.take({ file, line: ++line, text });
  }
  return verifier.finish();
}

/** What the program printed and how it ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program. */
export const BIN = fileURLToPath(new URL('../../packages/breakwater/src/bin.ts', import.meta.url));

/** Does what `breakwater audit …` does, with the key in the variable KEY. */
export async function runAuditCommand(...args: readonly string[]): Promise<Ended> {
  const parsed = parseArgs(['audit', ...args]);
  if (!parsed.ok) return { code: 2, stdout: '', stderr: parsed.message };
  if (parsed.command.kind !== 'audit') throw new Error(`not a question: ${args.join(' ')}`);
  const out: string[] = [];
  const err: string[] = [];
  const code = await runAudit(parsed.command.query, {
    env: { KEY },
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
  });
  return { code, stdout: out.join(''), stderr: err.join('') };
}
