import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GROUPS, type Outcome } from '../../packages/breakwater/src/doctor/persona.ts';
import { PERSONAS } from '../../packages/breakwater/src/doctor/personas/catalogue.ts';
import { type Report, scoreOf } from '../../packages/breakwater/src/doctor/report.ts';
import { REPOSITORY } from '../e2e/support/programs.ts';
import { examineFast } from './examine.ts';
import { SERVERS, startBreakwater } from './servers.ts';

const PAGE = join(REPOSITORY, 'docs/doctor.md');
const BEGIN = '<!-- table: written by UPDATE_DOCS=1 npx vitest run test/doctor/servers.test.ts -->';
const END = '<!-- end of table -->';
const MARKS: Readonly<Record<Outcome, string>> = { in: '✓', told: '→', stuck: '✗' };
const PACKAGES = ['sdk', 'server', 'node', 'server-legacy', 'server-everything'];
const VISIT_LIMIT_MS = 240_000;

const alone = new Map<string, Report>();
const behind = new Map<string, Report>();

describe.each(SERVERS)('$name', ({ name, start }) => {
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
    const page = readFileSync(PAGE, 'utf8');
    const begin = page.indexOf(BEGIN);
    const end = page.indexOf(END);
    expect(begin).toBeGreaterThanOrEqual(0);
    const wanted = `${page.slice(0, begin)}${BEGIN}\n\n${renderTable()}\n\n${page.slice(end)}`;
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, wanted);
    else expect(page, 'docs/doctor.md is stale: run with UPDATE_DOCS=1').toBe(wanted);
  });
});

function renderTable(): string {
  const names = SERVERS.map(({ name }) => name);
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
  const versions = PACKAGES.map((name) => `\`${name}\` ${versionOf(name)}`).join(', ');
  return [
    `Versions of \`@modelcontextprotocol/…\`: ${versions}.`,
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

function versionOf(name: string): string {
  const file = join(REPOSITORY, 'node_modules/@modelcontextprotocol', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
