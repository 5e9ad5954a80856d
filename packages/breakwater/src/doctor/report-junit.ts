import { GROUPS, type Group } from './persona.ts';
import { type PlayedPersona, type Report, scoreOf } from './report.ts';
import { escapeXml, quote } from './xml.ts';

/** The report as JUnit XML: a suite for each group, a test case for each persona; `stuck` is a failure, not played is skipped. */
export function renderJunit(report: Report): string {
  const { played, notPlayed, target, startedAt } = report;
  const groups = Object.keys(GROUPS).filter((group): group is Group => played.some((each) => each.group === group));
  const total = played.length + notPlayed.length;
  const { stuck } = scoreOf(report);
  const suites = groups.map((group) =>
    suite(
      group,
      played.filter((each) => each.group === group),
      startedAt,
    ),
  );
  if (notPlayed.length > 0) {
    const cases = notPlayed.map(
      ({ id, reason }) =>
        `    <testcase classname="doctor.not-played" name=${quote(id)}><skipped message=${quote(reason)}/></testcase>`,
    );
    suites.push(
      `  <testsuite name="Not played" tests="${cases.length}" failures="0" skipped="${cases.length}">\n${cases.join('\n')}\n  </testsuite>`,
    );
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name=${quote(`breakwater doctor ${target}`)} tests="${total}" failures="${stuck}" skipped="${notPlayed.length}">\n${suites.join('\n')}\n</testsuites>\n`;
}

function suite(group: Group, personas: readonly PlayedPersona[], startedAt: string): string {
  const failures = personas.filter(({ outcome }) => outcome === 'stuck').length;
  const tookS = seconds(personas.reduce((sum, { tookMs }) => sum + tookMs, 0));
  const head = `  <testsuite name=${quote(GROUPS[group])} tests="${personas.length}" failures="${failures}" skipped="0" time="${tookS}" timestamp=${quote(startedAt)}>`;
  return `${head}\n${personas.map(testCase).join('\n')}\n  </testsuite>`;
}

function testCase({ id, title, group, outcome, reason, fix, tookMs }: PlayedPersona): string {
  const open = `    <testcase classname=${quote(`doctor.${group}`)} name=${quote(`${id}: ${title}`)} time="${seconds(tookMs)}"`;
  if (outcome !== 'stuck') return `${open}><system-out>${escapeXml(`${outcome}: ${reason}`)}</system-out></testcase>`;
  return `${open}><failure message=${quote(reason)}>${escapeXml(`Fix: ${fix ?? ''}`)}</failure></testcase>`;
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3);
}
