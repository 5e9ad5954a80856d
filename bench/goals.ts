import { BARE_PROXY_NAME, DIRECT_NAME } from './contenders/table.ts';
import type { Row } from './report.ts';

/** One line that the project wants to keep: a figure of one contender as a multiple of another's in the same run. */
interface Goal {
  readonly load: string;
  readonly contender: string;
  readonly figure: 'cpu' | 'upstream requests';
  readonly against: string;
  readonly times: number;
}

const cpu = (load: string, times: number, contender = 'breakwater', against = BARE_PROXY_NAME): Goal => ({
  load,
  contender,
  figure: 'cpu',
  against,
  times,
});

/** The goals of `docs/performance.md`. */
const GOALS: readonly Goal[] = [
  cpu('call', 1.25),
  cpu('call-modern', 1.25),
  cpu('call-sse', 1.25),
  cpu('call-modern-sse', 1.25),
  cpu('call-progress', 1.25),
  cpu('call-modern-progress', 1.25),
  cpu('call', 1.5, 'breakwater-all-on'),
  cpu('call', 1.5, 'breakwater-redis'),
  cpu('call', 1, 'breakwater-2-workers', 'breakwater'),
  cpu('call-to-modern', 1.8),
  cpu('call-to-legacy', 1.8),
  cpu('list', 0.4),
  cpu('field-mix', 0.5),
  cpu('field-mix', 1 / 25, 'breakwater', 'civic'),
  { load: 'field-mix', contender: 'breakwater', figure: 'upstream requests', against: DIRECT_NAME, times: 0.05 },
  cpu('big', 1.1),
  cpu('call-stdio', 0.25, 'breakwater-stdio', 'mcp-proxy'),
];

/** Says of each goal that this run can tell about what came out; a run never fails on one. */
export function writeGoals(rows: readonly Row[]): readonly string[] {
  return GOALS.flatMap((goal) => {
    const own = find(rows, goal.load, goal.contender);
    const other = find(rows, goal.load, goal.against);
    if (own === undefined || other === undefined) return [];
    const times = figureOf(own, goal) / figureOf(other, goal);
    const verdict = times <= goal.times * TOLERANCE ? 'met   ' : 'missed';
    return `${verdict}  ${goal.load}, ${goal.contender}: ${goal.figure} ${times.toFixed(2)} × ${goal.against} (goal: ≤ ${goal.times.toFixed(2)})`;
  });
}

/** What a run cannot tell apart. */
const TOLERANCE = 1.02;

// Neighbours only ever add: the least of all rounds is what they touched least.
function figureOf(row: Row, { figure }: Goal): number {
  const spread = figure === 'cpu' ? row.cpuMicrosPerUnit : row.upstreamRequestsPerUnit;
  return spread?.min ?? Number.NaN;
}

function find(rows: readonly Row[], load: string, contender: string): Row | undefined {
  return rows.find((row) => row.load === load && row.contender === contender);
}
