import { appendFile, truncate } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditKeys, sealLine } from '../../packages/breakwater/src/telemetry/audit-chain.ts';
import { AuditVerifier } from '../../packages/breakwater/src/telemetry/audit-verify.ts';
import {
  KEY,
  linesOf,
  openLog,
  openSession,
  readText,
  rewrite,
  runAuditCommand,
  scratch,
  verify,
  writeLog,
} from './support.ts';

describe('audit verify', () => {
  it('finds a log whole', async () => {
    await using place = await scratch();
    const { log } = await writeLog(place.file);
    const verdict = await verify([place.file]);
    expect(verdict).toMatchObject({ ok: true, records: 10, firstSeq: 0, last: log.last, faults: [], notes: [] });
  });

  it.each([
    // Attack: whoever stole a session makes the record say that somebody else had it.
    [
      'a changed record',
      (lines: string[]) => void lines.splice(3, 1, String(lines[3]).replace('2025-11-25', '2025-11-26')),
      4,
      'does not fit its MAC',
    ],
    // Attack: the record of a call is taken out.
    ['a deleted record', (lines: string[]) => void lines.splice(5, 1), 6, 'record 5 is missing'],
    ['several deleted records', (lines: string[]) => void lines.splice(2, 3), 3, 'records 2 to 4 are missing'],
    // Attack: two records change places, so that an end seems to come before a beginning.
    [
      'moved records',
      (lines: string[]) => void lines.splice(4, 2, String(lines[5]), String(lines[4])),
      5,
      'missing before record 5',
    ],
    // Attack: a record of another time is shown again, MAC and all.
    [
      'a repeated record',
      (lines: string[]) => void lines.splice(7, 0, String(lines[2])),
      8,
      'moved, repeated or inserted',
    ],
    // Attack: an innocent record is made up; its MAC is copied from its neighbour.
    [
      'an inserted record',
      (lines: string[]) => void lines.splice(4, 0, String(lines[3]).replace('"seq":3', '"seq":4')),
      5,
      'does not fit its MAC',
    ],
    // Attack: what stood at the beginning is cut off, so that the log seems to begin later.
    ['a beginning that was cut off', (lines: string[]) => void lines.splice(0, 3), 1, 'is no beginning'],
    ['a line that is no record', (lines: string[]) => void lines.splice(4, 0, '# nothing to see here'), 5, 'no record'],
    ['an empty line', (lines: string[]) => void lines.splice(4, 0, ''), 5, 'no record'],
    [
      'a MAC that was cut out',
      (lines: string[]) => void lines.splice(4, 1, String(lines[4]).replace(/,"mac".*/, '}')),
      5,
      'no record',
    ],
  ])('finds %s', async (_, attack, line, reason) => {
    await using place = await scratch();
    await writeLog(place.file);
    const lines = await linesOf(place.file);
    attack(lines);
    await rewrite(place.file, lines);
    const { ok, faults } = await verify([place.file]);
    expect(ok).toBe(false);
    expect(faults[0]).toMatchObject({ line, reason: expect.stringContaining(reason) });
  });

  // Attack: with a plain hash instead of a keyed one, whoever can write the file could chain it anew after a change.
  it('does not take a chain that was made with another key', async () => {
    await using place = await scratch();
    await writeLog(place.file);
    const forged = auditKeys('another key of more than thirty-two characters');
    let mac = '';
    const lines = (await linesOf(place.file)).map((line) => {
      const text = line.replace(/,"mac":.*/, '').replace('2025-11-25', '2025-06-18');
      mac = forged.mac(mac, text);
      return sealLine(text, mac);
    });
    await rewrite(place.file, lines);
    const verdict = await verify([place.file]);
    expect(verdict).toMatchObject({ ok: false, faultCount: 10 });
    expect(verdict.notes.join()).toContain('no record fits the key');
  });

  it('says so when the key is the wrong one', async () => {
    await using place = await scratch();
    await writeLog(place.file);
    const verdict = await verify([place.file], { key: 'the key of another gateway, also long enough' });
    expect(verdict).toMatchObject({ ok: false, faultCount: 10 });
    expect(verdict.notes.join()).toContain('most likely another one');
  });

  describe('of a log whose end was cut off', () => {
    // Attack: everything after the theft is removed. What is left is a perfect chain; only what was noted elsewhere tells.
    it('tells with --expect-last, and only notes it without', async () => {
      await using place = await scratch();
      const { log } = await writeLog(place.file);
      await rewrite(place.file, (await linesOf(place.file)).slice(0, 6));
      const unaware = await verify([place.file]);
      expect(unaware.ok).toBe(true);
      expect(unaware.notes.join()).toContain('ends at record 5 without gateway.stop');
      const { ok, faults } = await verify([place.file], { expected: log.last });
      expect(ok).toBe(false);
      expect(faults[0]?.reason).toBe('record 9 is not there: the end was cut off after record 5');
    });

    it('tells by the anchors, which the operator has in the log of the gateway', async () => {
      await using place = await scratch();
      const { log, notices, end } = await openLog(place.file, { anchorEvery: 5 });
      for (let n = 0; n < 20; n += 1) openSession(log, `s${n}`);
      await end();
      const anchors = notices.filter(({ message }) => message === 'The audit log so far.').map(({ detail }) => detail);
      expect(anchors.length).toBeGreaterThan(2);
      const anchor = anchors[1] as { seq: number; mac: string };
      expect((await verify([place.file], { expected: anchor })).ok).toBe(true);
      await rewrite(place.file, (await linesOf(place.file)).slice(0, anchor.seq));
      expect((await verify([place.file], { expected: anchor })).ok).toBe(false);
    });

    // Attack: the end is cut off and the gateway is let to write new records in its place; the numbers grow beyond the expected one.
    it('tells when other records took the place', async () => {
      await using place = await scratch();
      const { log } = await writeLog(place.file);
      await rewrite(place.file, (await linesOf(place.file)).slice(0, 3));
      await writeLog(place.file, 8);
      const { ok, faults } = await verify([place.file], { expected: log.last });
      expect(ok).toBe(false);
      expect(faults[0]?.reason).toContain('record 9 is not the expected one');
    });

    it('tells half a record at the end', async () => {
      await using place = await scratch();
      await writeLog(place.file);
      const text = await readText(place.file);
      await truncate(place.file, text.length - 20);
      expect(await verify([place.file])).toMatchObject({
        ok: false,
        faults: [{ line: 10, reason: 'the line is no record' }],
      });
    });
  });

  it('misses no changed byte', async () => {
    await using place = await scratch();
    await writeLog(place.file);
    const text = await readText(place.file);
    const keys = auditKeys(KEY);
    fc.assert(
      fc.property(fc.nat(text.length - 2), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ flip) + text.slice(at + 1);
        const verifier = new AuditVerifier(keys);
        for (const [index, line] of changed.split('\n').entries()) {
          if (line !== '') verifier.take({ file: 'x', line: index + 1, text: line });
        }
        expect(verifier.finish().ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  // Attack: a line of gigabytes, so that whoever checks the log runs out of memory.
  it('does not hold a line that never ends', async () => {
    await using place = await scratch();
    await writeLog(place.file);
    await appendFile(place.file, `{"v":1,"seq":10,${' '.repeat(3_000_000)}\n`);
    expect(await verify([place.file])).toMatchObject({
      ok: false,
      faults: [{ line: 11, reason: 'the line is no record' }],
    });
  });

  it('ends with 0, 1 and 2', async () => {
    await using place = await scratch();
    await writeLog(place.file);
    const flags = ['--key-env', 'KEY'];
    const whole = await runAuditCommand('verify', place.file, ...flags);
    expect(whole).toMatchObject({ code: 0, stdout: expect.stringContaining('whole: 10 records') });
    const last = /^last: (\S+)$/m.exec(whole.stdout)?.[1] ?? '';
    expect((await runAuditCommand('verify', place.file, ...flags, '--expect-last', last)).code).toBe(0);
    const lines = await linesOf(place.file);
    await rewrite(place.file, lines.toSpliced(4, 1));
    const broken = await runAuditCommand('verify', place.file, ...flags);
    expect(broken).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`BROKEN: ${place.file}:5: record 4 is missing`),
    });
    const json = await runAuditCommand('verify', place.file, ...flags, '--json', '--expect-last', last);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, faults: [{ line: 5 }] });
    expect((await runAuditCommand('verify', place.file)).code).toBe(2);
    expect((await runAuditCommand('verify', `${place.file}.gone`, ...flags)).code).toBe(2);
    expect((await runAuditCommand('verify', place.file, '--key-env', 'NOT_SET')).code).toBe(2);
  });
});
