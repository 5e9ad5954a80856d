import { clean, cut, dye, type TableStyle } from '../doctor/terminal.ts';
import { countsOf, type PlayedExchange, type ReplayReport } from './replay-report.ts';

const MARKS = { same: '✓', differs: '✗', skipped: '–' } as const;
const COLORS = { same: 'green', differs: 'red', skipped: 'dim' } as const;

/** The report for a terminal: a line for each exchange, below it what differs, then the counts. */
export function renderReplayTable(report: ReplayReport, style: TableStyle): string {
  const { same, differs, skipped } = countsOf(report);
  const lines = report.played.flatMap((played) => renderExchange(played, style));
  const counts = `${same} same, ${differs} differ, ${skipped} skipped`;
  const word = differs > 0 ? dye('red', 'Differs', style.color) : dye('green', 'Same', style.color);
  return `${[...lines, '', `${word}  ${counts}, ${report.clients} clients  ${clean(report.target)}`].join('\n')}\n`;
}

function renderExchange(played: PlayedExchange, { color, columns }: TableStyle): string[] {
  const { n, verdict, reason, differences } = played;
  const text = `#${n} ${titleOf(played)}${reason === undefined ? '' : `  ${reason}`}`;
  const room = Math.max(20, columns - 6);
  return [
    `  ${dye(COLORS[verdict], MARKS[verdict], color)} ${cut(clean(text), room)}`,
    ...differences.map(({ at, recorded, live }) =>
      cut(`      ${clean(at)}: ${clean(recorded)} → ${clean(live)}`, columns),
    ),
  ];
}

/** What an exchange was, in a few words. */
export function titleOf({ method, path, what, client }: PlayedExchange): string {
  return `${method} ${path}${what === '' ? '' : ` ${what}`} (${client.slice(0, 12)})`;
}
