import { type Report, scoreOf } from './report.ts';

/** Name and version of the JSON report's form; a new number when a reader would have to change. */
export const REPORT_FORMAT = 'breakwater-doctor/1';

/** The report as JSON, for programs: the score first, then every persona with its exchanges. */
export function renderJson(report: Report): string {
  const { target, startedAt, version, played, notPlayed } = report;
  const whole = {
    format: REPORT_FORMAT,
    target,
    startedAt,
    version,
    score: scoreOf(report),
    personas: played,
    notPlayed,
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}
