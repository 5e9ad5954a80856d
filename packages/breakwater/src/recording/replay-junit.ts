import { escapeXml, quote } from '../doctor/xml.ts';
import { countsOf, type PlayedExchange, type ReplayReport } from './replay-report.ts';
import { titleOf } from './replay-table.ts';

/** The report as JUnit XML: a test case for each exchange; one that differs is a failure. */
export function renderReplayJunit(report: ReplayReport): string {
  const { differs, skipped } = countsOf(report);
  const total = report.played.length;
  const counts = `tests="${total}" failures="${differs}" skipped="${skipped}"`;
  const cases = report.played.map(testCase).join('\n');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name=${quote(`breakwater replay ${report.target}`)} ${counts}>\n  <testsuite name="replay" ${counts}>\n${cases}\n  </testsuite>\n</testsuites>\n`;
}

function testCase(played: PlayedExchange): string {
  const { n, verdict, reason = '', differences } = played;
  const open = `    <testcase classname="replay" name=${quote(`#${n} ${titleOf(played)}`)}`;
  if (verdict === 'same') return `${open}/>`;
  if (verdict === 'skipped') return `${open}><skipped message=${quote(reason)}/></testcase>`;
  const lines = differences.map(({ at, recorded, live }) => `${at}: ${recorded} → ${live}`);
  return `${open}><failure message=${quote(lines[0] ?? '')}>${escapeXml(lines.join('\n'))}</failure></testcase>`;
}
