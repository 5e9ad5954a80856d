import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat, truncate, writeFile } from 'node:fs/promises';
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
