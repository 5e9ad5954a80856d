import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readdir, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../downstream/manual-clock.ts';
import {
  closeSession,
  linesOf,
  openLog,
  openSession,
  readText,
  recordsOf,
  scratch,
  verify,
  writeLog,
} from './support.ts';

const REFUSAL = { type: 'refusal', code: 'request.path', route: undefined } as const;

describe('the audit file', () => {
  it('belongs to its owner alone', async () => {
    await using place = await scratch();
    await writeLog(place.file);
    expect((await stat(place.file)).mode & 0o777).toBe(0o600);
  });

  it('is written when the time is over or a batch is full, and not for every record', async () => {
    await using place = await scratch();
    const clock = new ManualClock();
    const { log } = await openLog(place.file, { flushMs: 1_000 }, clock);
    log.record(REFUSAL);
    expect((await stat(place.file)).size).toBe(0);
    clock.advance(1_000);
    await expect.poll(async () => (await recordsOf(place.file)).length).toBe(2);
    for (let n = 0; n < 1_000; n += 1) log.record(REFUSAL);
    await expect.poll(async () => (await stat(place.file)).size).toBeGreaterThan(65_536);
    await log.close();
    expect((await verify([place.file])).records).toBe(1_003);
  });

  it('goes on with its chain when the gateway starts again', async () => {
    await using place = await scratch();
    for (let n = 0; n < 3; n += 1) await writeLog(place.file);
    const verdict = await verify([place.file]);
    expect(verdict).toMatchObject({ ok: true, records: 30, notes: [] });
    const events = (await recordsOf(place.file)).map(({ event }) => event);
    expect(events.filter((event) => event.startsWith('log.'))).toEqual(['log.genesis', 'log.resume', 'log.resume']);
  });

  it('begins anew when it is full; the chain goes through all files, whatever order they are named in', async () => {
    await using place = await scratch();
    const { log } = await writeLog(place.file, 40, { maxBytes: 4_000 });
    const files = await place.files();
    expect(files.length).toBeGreaterThan(4);
    expect(files.at(-1)).toBe(place.file);
    for (const file of files) expect((await stat(file)).size).toBeLessThanOrEqual(4_000);
    const verdict = await verify(files, { expected: log.last });
    expect(verdict).toMatchObject({ ok: true, faults: [], notes: [] });
    // Attack: a whole file between two others is taken away.
    expect((await verify(files.toSpliced(2, 1))).faults[0]?.reason).toMatch(/records \d+ to \d+ are missing/);
    // Each file can be checked alone; what is missing before it is said.
    const alone = await verify(files.slice(2));
    expect(alone.ok).toBe(true);
    expect(alone.notes[0]).toContain('earlier files are not given');
  });

  it('keeps as many full files as it is told, the youngest', async () => {
    await using place = await scratch();
    await writeLog(place.file, 40, { maxBytes: 4_000, keepFiles: 2 });
    const files = await place.files();
    expect(files).toHaveLength(3);
    expect(await verify(files)).toMatchObject({ ok: true });
  });

  it('goes on after a crash between two files', async () => {
    await using place = await scratch();
    await writeLog(place.file, 40, { maxBytes: 4_000 });
    await rename(place.file, `${place.file}.000000000099`);
    await writeLog(place.file);
    expect(await verify(await place.files())).toMatchObject({ ok: true, notes: [] });
  });

  it('is not touched when it is no audit log', async () => {
    await using place = await scratch();
    await writeFile(place.file, 'upstreams: {}\n');
    await expect(openLog(place.file)).rejects.toThrow('is no audit log');
    expect(await readText(place.file)).toBe('upstreams: {}\n');
    await expect(openLog(`${place.folder}/missing/audit.ndjson`)).rejects.toThrow('cannot be opened');
  });

  it('tells when its end does not fit the key, and goes on', async () => {
    await using place = await scratch();
    await writeLog(place.file);
    const { notices } = await writeLog(place.file, 2, { key: 'a new key, of more than thirty-two characters' });
    expect(notices[0]).toMatchObject({ level: 'error', message: expect.stringContaining('does not fit its key') });
    const { ok, faultCount, notes } = await verify([place.file]);
    // Those of the new key do not fit the old one, and the other way round.
    expect({ ok, faultCount }).toEqual({ ok: false, faultCount: 6 });
    expect(notes.join()).toContain('did not fit its key');
  });
});

describe('after a crash', () => {
  it('a torn line is kept, recorded, and excused by verify', async () => {
    await using place = await scratch();
    await writeLog(place.file);
    const text = await readText(place.file);
    await truncate(place.file, text.length - 30);
    const { notices } = await writeLog(place.file);
    expect(notices[0]).toMatchObject({ level: 'warn', message: expect.stringContaining('torn') });
    const verdict = await verify([place.file]);
    expect(verdict.ok).toBe(true);
    expect(verdict.notes.join()).toContain('torn by a crash');
    // Attack: a torn line is the one place where a line need be no record; something else is put there.
    const torn = (await linesOf(place.file))[9] ?? '';
    const changed = (await readText(place.file)).replace(torn, torn.replace('gateway.stop', 'gateway.halt'));
    await writeFile(place.file, changed, 'latin1');
    expect((await verify([place.file])).faults[0]).toMatchObject({ line: 10, reason: 'the line is no record' });
  });

  it('a torn first line is no end of the log', async () => {
    await using place = await scratch();
    await writeFile(place.file, '{"v":1,"seq":0,"t":"2026-');
    await writeLog(place.file);
    expect(await verify([place.file])).toMatchObject({ ok: true, firstSeq: 0 });
  });

  it('what was open is closed by the next gateway, once', async () => {
    await using place = await scratch();
    const clock = new ManualClock();
    const { log } = await openLog(place.file, { maxBytes: 900 }, clock);
    for (const id of ['a', 'b', 'c']) openSession(log, id);
    log.record({ type: 'open', resource: 'stream', id: 'st', owner: 'b', session: 'b', detail: 'get' });
    closeSession(log, 'a');
    // This gateway is never closed: it was killed.
    await log.flush();
    const { notices } = await writeLog(place.file, 1);
    expect(notices[0]).toMatchObject({ level: 'warn', detail: { closed: 3 } });
    await writeLog(place.file, 1);
    const files = await place.files();
    expect(files.length).toBeGreaterThan(1);
    const records = await recordsOf(...files);
    const closes = records.filter(({ reason }) => reason === 'crash-recovered');
    expect(closes.map(({ event }) => event)).toEqual(['session.close', 'session.close', 'stream.close']);
    const opened = records.find(({ event }) => event === 'stream.open');
    expect(closes[2]).toMatchObject({ stream: { ref: 'st' }, owner: opened?.['owner'] });
    expect((await verify(files)).ok).toBe(true);
  });

  it('the ledger balances, whatever was interrupted when', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('open' as const), id: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ kind: fc.constant('close' as const), id: fc.integer({ min: 0, max: 5 }) }),
      fc.constant({ kind: 'restart' as const, id: 0 }),
      fc.record({ kind: fc.constant('crash' as const), id: fc.integer({ min: 0, max: 400 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        await using place = await scratch();
        let opened = await openLog(place.file, { maxBytes: 2_000 });
        for (const { kind, id } of steps) {
          if (kind === 'open') openSession(opened.log, `s${id}`);
          if (kind === 'close') closeSession(opened.log, `s${id}`);
          if (kind === 'restart') await opened.end();
          if (kind === 'crash') {
            // The log of a gateway that was killed is complete up to some byte.
            await opened.log.flush();
            const { size } = await stat(place.file);
            const last = (await linesOf(place.file)).at(-1) ?? '';
            await truncate(place.file, Math.max(size - Math.min(id, last.length), 1));
          }
          if (kind === 'restart' || kind === 'crash') opened = await openLog(place.file, { maxBytes: 2_000 });
        }
        await opened.end();
        const files = await place.files();
        expect(await verify(files)).toMatchObject({ ok: true, faults: [] });
        expect(await balanceOf(files)).toEqual({});
      }),
      { numRuns: 60 },
    );
  });

  it('what a killed process had written is whole, and what it had open is closed', async () => {
    await using place = await scratch();
    const child = spawn(process.execPath, [CHILD, place.file, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect((await recordsOf(place.file)).map(({ event }) => event)).toEqual(['log.genesis', 'session.open']);
    await writeLog(place.file, 1);
    expect((await verify([place.file])).ok).toBe(true);
    expect(await balanceOf([place.file])).toEqual({});
  });

  // A second Ctrl-C ends the program at once, in the middle of whatever it does.
  it('a process that exits writes its last records first', async () => {
    await using place = await scratch();
    const child = spawn(process.execPath, [CHILD, place.file, 'exit'], { stdio: 'inherit' });
    expect(await once(child, 'exit')).toEqual([130, null]);
    const records = await recordsOf(place.file);
    expect(records.filter(({ event }) => event === 'request.refused')).toHaveLength(5_000);
    expect((await verify([place.file])).ok).toBe(true);
  });
});

describe('a disk that does not keep up', () => {
  // Attack: a flood of requests that makes the gateway hold records until it runs out of memory.
  it('bounds what waits, says so loudly and records the gap', async () => {
    await using place = await scratch();
    const { log, notices } = await openLog(place.file, { queueBytes: 50_000 });
    openSession(log, 'before');
    for (let n = 0; n < 1_000; n += 1) log.record(REFUSAL);
    // What is paired has room of its own: a lost close would be a session without end.
    closeSession(log, 'before');
    expect(notices).toMatchObject([{ level: 'error', message: expect.stringContaining('records are dropped') }]);
    await log.flush();
    log.record(REFUSAL);
    await log.close();
    const records = await recordsOf(place.file);
    const written = records.filter(({ event }) => event === 'request.refused').length;
    const gap = records.find(({ event }) => event === 'log.gap');
    expect(written).toBeLessThan(500);
    expect(gap).toMatchObject({ dropped: 1_001 - written, events: { 'request.refused': 1_001 - written } });
    expect(records.filter(({ event }) => event.startsWith('session.'))).toHaveLength(2);
    const verdict = await verify([place.file]);
    expect(verdict.ok).toBe(true);
    expect(verdict.notes.join()).toContain('records were dropped');
    expect(notices.map(({ message }) => message)).toContain('The audit log has a gap.');
  });

  // The kernel's own full disk.
  it('is told of a full disk once, and of what was lost at the end', async () => {
    const clock = new ManualClock();
    const { log, notices, end } = await openLog('/dev/full', {}, clock);
    log.record(REFUSAL);
    clock.advance(1_000);
    await expect.poll(() => notices.length).toBe(1);
    expect(notices[0]).toMatchObject({ level: 'error', message: expect.stringContaining('cannot be written') });
    await expect.poll(() => clock.pending).toBeGreaterThan(0);
    clock.advance(5_000);
    await end();
    expect(notices.map(({ message }) => message)).toEqual([
      expect.stringContaining('cannot be written'),
      'The audit log ends.',
      'Records of the audit log could not be written.',
    ]);
    expect(notices.at(-1)?.detail).toEqual({ lost: 3 });
  });

  // Two gateways with one configuration file, or a log shipper that writes where it should read.
  it('is told when another program writes to its file', async () => {
    await using place = await scratch();
    const { log, notices } = await openLog(place.file);
    await log.flush();
    await appendFile(place.file, '{"v":1,"seq":1}\n');
    log.record(REFUSAL);
    await log.flush();
    expect(notices).toMatchObject([{ level: 'error', message: expect.stringContaining('Another program') }]);
    await log.close();
  });

  it('tells of events that come too late', async () => {
    await using place = await scratch();
    const { log, notices } = await writeLog(place.file);
    log.record(REFUSAL);
    log.record(REFUSAL);
    expect(notices.filter(({ message }) => message.includes('after the audit log was closed'))).toHaveLength(1);
    expect(await readdir(place.folder)).toHaveLength(1);
  });
});

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

/** Opens without a close, and closes without an open, by resource. */
async function balanceOf(files: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const open: Record<string, number> = {};
  for (const record of await recordsOf(...files).catch(() => [])) {
    const [resource, verb] = record.event.split('.');
    if (resource === undefined || (verb !== 'open' && verb !== 'close')) continue;
    const key = `${resource} ${JSON.stringify(record[resource])}`;
    open[key] = (open[key] ?? 0) + (verb === 'open' ? 1 : -1);
    if (open[key] === 0) delete open[key];
  }
  return open;
}
