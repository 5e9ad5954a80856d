import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GROUPS, type Outcome } from '../../packages/breakwater/src/doctor/persona.ts';
import { PERSONAS } from '../../packages/breakwater/src/doctor/personas/catalogue.ts';
import { type Report, scoreOf } from '../../packages/breakwater/src/doctor/report.ts';
import { REPOSITORY } from '../e2e/support/programs.ts';
import { examineFast } from './examine.ts';
import { type ServerKind, startBreakwater } from './servers.ts';

const PAGE = join(REPOSITORY, 'docs/doctor.md');
const MARKS: Readonly<Record<Outcome, string>> = { in: '✓', told: '→', stuck: '✗' };
const VISIT_LIMIT_MS = 240_000;

/** A table of docs/doctor.md: which servers, and the test that writes it. */
export interface TableInit {
  /** File name of the test. */
  readonly test: string;
  readonly kinds: readonly ServerKind[];
  /** A sentence that names the versions. */
  readonly versions: string;
}

/** Tests each kind of server alone and behind Breakwater, and that the page has what came of it (`UPDATE_DOCS=1` writes it). */
export function describeTable({ test, kinds, versions }: TableInit): void {
  const alone = new Map<string, Report>();
  const behind = new Map<string, Report>();

  describe.each(kinds)('$name', ({ name, start }) => {
    it('is examined alone', { timeout: VISIT_LIMIT_MS }, async () => {
      await using server = await start();
      const report = await examineFast(server.url);
      alone.set(name, report);
      expect(scoreOf(report).stuck).toBeGreaterThan(0);
    });

    it('leaves nobody stuck behind Breakwater', { timeout: VISIT_LIMIT_MS }, async () => {
      await using server = await start();
      await using breakwater = await startBreakwater({ url: server.url });
      const report = await examineFast(breakwater.url);
      behind.set(name, report);
      expect(report.played.filter(({ outcome }) => outcome === 'stuck')).toEqual([]);
      expect(scoreOf(report).grade).toBe('A');
    });
  });

  describe('docs/doctor.md', () => {
    // Frozen as it is, also where it does not flatter us: what changes here has changed for clients.
    it('has the table', () => {
      const begin = `<!-- table: written by UPDATE_DOCS=1 npx vitest run test/doctor/${test} -->`;
      const page = readFileSync(PAGE, 'utf8');
      const from = page.indexOf(begin);
      const to = page.indexOf('<!-- end of table -->', from);
      expect(from).toBeGreaterThanOrEqual(0);
      const text = [versions, summaryOf(kinds, alone, behind), renderTable(kinds, alone, behind)].join('\n\n');
      const wanted = `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`;
      if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, wanted);
      else expect(page, 'docs/doctor.md is stale: run with UPDATE_DOCS=1').toBe(wanted);
    });
  });
}

function summaryOf(
  kinds: readonly ServerKind[],
  alone: ReadonlyMap<string, Report>,
  behind: ReadonlyMap<string, Report>,
): string {
  const gradesOf = (reports: ReadonlyMap<string, Report>): string => {
    const grades = kinds.map(({ name }) => gradeOf(reports.get(name))).sort();
    return [...Map.groupBy(grades, (grade) => grade)].map(([grade, all]) => `${all.length} × ${grade}`).join(', ');
  };
  return `**${kinds.length} servers: alone ${gradesOf(alone)}; behind Breakwater ${gradesOf(behind)}.**`;
}

function gradeOf(report: Report | undefined): string {
  return report === undefined ? '?' : scoreOf(report).grade;
}

function renderTable(
  kinds: readonly ServerKind[],
  alone: ReadonlyMap<string, Report>,
  behind: ReadonlyMap<string, Report>,
): string {
  const names = kinds.map(({ name }) => name);
  const scores = [
    ['', ...names],
    ['alone', ...names.map((name) => scoreCell(alone.get(name)))],
    ['behind Breakwater', ...names.map((name) => scoreCell(behind.get(name)))],
  ];
  const rows = Object.entries(GROUPS).flatMap(([group, title]) => [
    [`**${title}**`, ...names.map(() => '')],
    ...PERSONAS.filter((persona) => persona.group === group && !persona.needsToken).map(({ id }) => [
      `\`${id}\``,
      ...names.map((name) => markOf(alone.get(name), id)),
    ]),
  ]);
  return [
    toMarkdown(scores),
    'Each alone (✓ got in or withstood, → told, ✗ stuck or gave way):',
    toMarkdown([['', ...names], ...rows]),
  ].join('\n\n');
}

function scoreCell(report: Report | undefined): string {
  if (report === undefined) return '?';
  const { grade, ...counts } = scoreOf(report);
  return `**${grade}** ${counts.in} in, ${counts.told} told, ${counts.stuck} stuck`;
}

function markOf(report: Report | undefined, id: string): string {
  const played = report?.played.find((each) => each.id === id);
  return played === undefined ? '?' : MARKS[played.outcome];
}

function toMarkdown([head = [], ...rows]: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
