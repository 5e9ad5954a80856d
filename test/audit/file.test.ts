import { rename, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../downstream/manual-clock.ts';
import { openLog, readText, recordsOf, scratch, verify, writeLog } from './support.ts';

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
    for (let n = 0; n < 2_000; n += 1) log.record(REFUSAL);
    await expect.poll(async () => (await stat(place.file)).size).toBeGreaterThan(262_144);
    await log.close();
    expect((await verify([place.file])).records).toBe(2_003);
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
