import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PERSONAS } from '../../packages/breakwater/src/doctor/personas/catalogue.ts';
import { examineFast } from './examine.ts';
import { type Listening, startBreakwater } from './servers.ts';

const FOLDER = join(import.meta.dirname, '../../packages/breakwater/src/doctor/personas');
/** A token nobody issued: an open server must not mind it. */
const TOKEN = [['Authorization', 'Bearer not-issued-by-anybody']] as const;

describe('Breakwater with its default configuration', () => {
  let breakwater: Listening;
  beforeAll(async () => {
    breakwater = await startBreakwater();
  });
  afterAll(async () => await breakwater[Symbol.asyncDispose]());

  it.each(PERSONAS.map((persona) => [persona.id, persona] as const))('%s gets in or is told', async (_, persona) => {
    const report = await examineFast(breakwater.url, [persona], { extra: persona.needsToken ? TOKEN : [] });
    const [played] = report.played;
    const shown = JSON.stringify(played?.exchanges.filter(({ n }) => n === played.decidedBy));
    expect(played?.outcome, `${played?.reason}\n${shown}`).toMatch(/^(in|told)$/);
  });
});

describe('the catalogue', () => {
  it('holds every file of the folder, under the file’s name', () => {
    const files = readdirSync(FOLDER)
      .map((file) => file.replace(/\.ts$/, ''))
      .filter((file) => file !== 'catalogue');
    expect(PERSONAS.map(({ id }) => id).sort()).toEqual(files.sort());
  });

  it('has whole sentences for everybody', () => {
    for (const { who, fix, evidence, title } of PERSONAS) {
      expect(who).toMatch(/\.$/);
      expect(fix).toMatch(/\.$/);
      expect(evidence.length + title.length).toBeGreaterThan(10);
    }
  });
});
