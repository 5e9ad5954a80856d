import { appendFile, readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../downstream/manual-clock.ts';
import { closeSession, openLog, openSession, recordsOf, scratch, verify, writeLog } from './support.ts';

const REFUSAL = { type: 'refusal', code: 'request.path', route: undefined } as const;

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
