import { GROUPS, type Outcome } from './persona.ts';
import { outcomeWord, type PlayedPersona, type Report, scoreOf } from './report.ts';
import { clean, cut, dye, type TableStyle } from './terminal.ts';

const MARKS: Readonly<Record<Outcome, string>> = { in: '✓', told: '→', stuck: '✗' };
const COLORS = { in: 'green', told: 'cyan', stuck: 'red' } as const;
const ID_COLUMNS = 20;
const WORD_COLUMNS = 10;

/** One line for one persona. What a server said is shown without control characters. */
export function renderLine(played: PlayedPersona, { color, columns }: TableStyle): string {
  const { id, outcome, reason } = played;
  const word = `${MARKS[outcome]} ${outcomeWord(played)}`.padEnd(WORD_COLUMNS + 2);
  const room = Math.max(20, columns - ID_COLUMNS - WORD_COLUMNS - 6);
  return `  ${dye(COLORS[outcome], word, color)} ${id.padEnd(ID_COLUMNS)} ${cut(clean(reason), room)}`;
}

/** What stands above the lines of a group. */
export function renderGroup(group: PlayedPersona['group'], { color }: TableStyle): string {
  return `\n${dye('bold', GROUPS[group], color)}`;
}

/** What stands below all lines: the score, and for each that is stuck what decided it and how to fix it. */
export function renderSummary(report: Report, style: TableStyle): string {
  const { color } = style;
  const score = scoreOf(report);
  const lines: string[] = [];
  for (const played of report.played) {
    if (played.outcome !== 'stuck') continue;
    const { id, reason, fix, evidence, exchanges, decidedBy } = played;
    const decided = exchanges.find(({ n }) => n === decidedBy);
    lines.push(`\n${dye('red', `✗ ${id}`, color)}  ${clean(played.title)}`, `  ${clean(reason)}`);
    if (decided !== undefined)
      lines.push(
        `  ${dye('dim', `${decided.request.method} ${clean(decided.request.url)} → ${decided.response?.status ?? decided.failure ?? ''}`, color)}`,
      );
    lines.push(`  ${dye('dim', `seen: ${evidence}`, color)}`, `  fix:  ${fix ?? ''}`);
  }
  for (const { id, reason } of report.notPlayed) lines.push(dye('dim', `\n  not played: ${id}. ${reason}`, color));
  const counts = `${score.in} in, ${score.told} told, ${score.stuck} stuck`;
  lines.push('', `${dye('bold', `Grade ${score.grade}`, color)}  ${counts}  ${clean(report.target)}`);
  if (score.stuck > 0) lines.push(dye('dim', 'Or put Breakwater in front of it: breakwater --upstream <url>', color));
  return `${lines.join('\n')}\n`;
}
