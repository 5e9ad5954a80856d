/** The official suite, through the gateway, against servers of every transport and era. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ConformanceReport, runConformance } from '../fixtures/run-conformance.ts';
import { expectedFailures, LISTED_ROWS, REASONS } from './expected-failures.ts';
import { REVISIONS, type Revision, type Score, writePage } from './page.ts';
import { type Proof, proveFromSessionless, proveFromSessions } from './proofs.ts';
import { ROWS, type Row } from './rows.ts';

const PAGE = new URL('../../docs/conformance.md', import.meta.url);
const RUNS = Number(process.env['CONFORMANCE_RUNS'] ?? 1);
/** A frozen set of the suite's: fewer would mean that scenarios vanished. */
const REQUIRED: Readonly<Record<Revision, number>> = { '2025-11-25': 30, '2026-07-28': 37 };
/** The suite gives each scenario 30 s and runs most of them one after another; a whole cell takes some 5 s. */
const CELL_LIMIT_MS = 240_000;
const SUMMARY_LINE = /^✗ (\S+): \d+ passed, (\d+) failed/;

const scores = new Map<string, Score>();
const proofs: Proof[] = [];

describe.each(ROWS)('$name', (row) => {
  it.each(REVISIONS)(
    'meets what %s requires, but for what is listed',
    async (revision) => {
      for (let run = 0; run < RUNS; run++) await runCell(row, revision);
    },
    CELL_LIMIT_MS * RUNS,
  );
});

async function runCell(row: Row, revision: Revision): Promise<void> {
  // A server and a gateway of its own: the suite switches tools and prompts on and off.
  await using running = await row.start();
  const report = await runConformance(running.url, revision);
  const { passed, failed, unscoredFailed, output } = report;
  const listed = expectedFailures(row.name, revision);
  const wanted = Object.fromEntries(Object.entries(listed).map(([scenario, { checks }]) => [scenario, checks]));
  expect(countFailedChecks(report), `failures and stale entries of expected-failures.yaml\n${output}`).toEqual(wanted);
  expect(passed.length + failed.length).toBe(REQUIRED[revision]);
  // The server does not have the tasks extension.
  expect(unscoredFailed.filter((name) => !name.startsWith('tasks-'))).toEqual([]);

  const isFirst = !scores.has(keyOf(row.name, revision));
  scores.set(keyOf(row.name, revision), { passed: passed.length, required: REQUIRED[revision] });
  if (isFirst && running.tap !== undefined) proofs.push(...prove(row.name, revision, running.tap.exchanges()));
}

function prove(row: string, revision: Revision, exchanges: Parameters<typeof proveFromSessions>[0]): Proof[] {
  if (row === 'HTTP, legacy' && revision === '2026-07-28') return proveFromSessions(exchanges);
  if (row === 'HTTP, legacy without sessions' && revision === '2025-11-25') return proveFromSessionless(exchanges);
  return [];
}

function countFailedChecks({ failed, output }: ConformanceReport): Record<string, number> {
  const counts = new Map(
    output
      .slice(output.indexOf('=== SUMMARY ==='))
      .split('\n')
      .map((line) => SUMMARY_LINE.exec(line))
      .map((match) => [match?.[1], Number(match?.[2])]),
  );
  return Object.fromEntries(failed.map((scenario) => [scenario, counts.get(scenario) ?? 0]));
}

function keyOf(row: string, revision: Revision): string {
  return `${row} ${revision}`;
}

describe('what is listed as failing', () => {
  it('names rows, revisions and reasons that exist, and every reason is used', () => {
    const names = ROWS.map(({ name }) => name);
    expect(LISTED_ROWS.filter((row) => !names.includes(row))).toEqual([]);
    const used = LISTED_ROWS.flatMap((row) =>
      REVISIONS.flatMap((revision) => Object.values(expectedFailures(row, revision)).map(({ reason }) => reason)),
    );
    expect(new Set(used)).toEqual(new Set(REASONS.keys()));
  });

  it('lacks on the wire what the suite demands', () => {
    expect(proofs.map(({ reason }) => reason).sort()).toEqual([...REASONS.keys()].sort());
    const [capability, question, asking, feed] = [...REASONS.keys()].map((name) => {
      const proof = proofs.find(({ reason }) => reason === name);
      return proof?.exchanges.flatMap(({ received }) => received).join('\n');
    });
    expect(capability).toContain('"isError":true');
    expect(capability).not.toMatch(/-32021|requiredCapabilities|"sampling"/);
    expect(question).toContain('"method":"elicitation/create"');
    expect(question).not.toContain('user_name');
    expect(asking).toContain('"isError":true');
    expect(asking).not.toContain('"method"');
    expect(feed).toContain('"error"');
  });

  it('is told by docs/conformance.md', () => {
    const page = writePage(ROWS, scoreOf, proofs);
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, page);
    expect(readFileSync(PAGE, 'utf8'), 'docs/conformance.md is stale: run with UPDATE_DOCS=1').toBe(page);
  });
});

function scoreOf(row: string, revision: Revision): Score {
  const score = scores.get(keyOf(row, revision));
  if (score === undefined) throw new Error(`${row} was not run with ${revision}: the page needs the whole table`);
  return score;
}
