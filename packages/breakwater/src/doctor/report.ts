import type { Exchange } from './exchange.ts';
import type { Group, Outcome } from './persona.ts';

/** What came of one persona. */
export interface PlayedPersona {
  readonly id: string;
  readonly title: string;
  readonly group: Group;
  readonly who: string;
  readonly evidence: string;
  readonly outcome: Outcome;
  readonly reason: string;
  /** Number of the exchange that decided it. */
  readonly decidedBy?: number;
  /** What it needed; only where it is stuck for want of one thing. */
  readonly needed?: string;
  /** What to change; only where it is stuck. */
  readonly fix?: string;
  readonly remarks: readonly string[];
  readonly tookMs: number;
  readonly exchanges: readonly Exchange[];
}

/** What an examination found. Everything in it may be shown: secrets are hidden. */
export interface Report {
  readonly target: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Version of the examiner. */
  readonly version: string;
  readonly played: readonly PlayedPersona[];
  readonly notPlayed: readonly { readonly id: string; readonly title: string; readonly reason: string }[];
}

/** A report in numbers. */
export interface Score {
  readonly in: number;
  readonly told: number;
  readonly stuck: number;
  /** A, B, C, D or F. */
  readonly grade: string;
}

/**
 * Counts and grades. A: nobody is stuck. B: at least 9 of 10 clients got in or were told. C: 3 of 4. D: half. F: fewer. A server that gave
 * way to a hostile client gets no better than C.
 */
export function scoreOf({ played }: Report): Score {
  const count = (outcome: Outcome): number => played.filter((each) => each.outcome === outcome).length;
  const stuck = count('stuck');
  const share = played.length === 0 ? 0 : 1 - stuck / played.length;
  const gaveWay = played.some(({ group, outcome }) => group === 'hostile' && outcome === 'stuck');
  const grade =
    stuck === 0 && played.length > 0 ? 'A' : share >= 0.9 ? 'B' : share >= 0.75 ? 'C' : share >= 0.5 ? 'D' : 'F';
  return { in: count('in'), told: count('told'), stuck, grade: gaveWay && grade === 'B' ? 'C' : grade };
}

/** A thing that clients needed and did not get. */
export interface Need {
  readonly needed: string;
  readonly clients: readonly PlayedPersona[];
}

/** What would help most: the needs of those that are stuck, those of many first. */
export function commonNeeds({ played }: Report): Need[] {
  const stuck = played.filter(({ outcome, needed }) => outcome === 'stuck' && needed !== undefined);
  return [...Map.groupBy(stuck, ({ needed = '' }) => needed)]
    .map(([needed, clients]) => ({ needed, clients }))
    .sort((a, b) => b.clients.length - a.clients.length);
}

/** The word for an outcome. A hostile client that reached nothing is no guest. */
export function outcomeWord({ group, outcome }: Pick<PlayedPersona, 'group' | 'outcome'>): string {
  if (group === 'hostile') return outcome === 'stuck' ? 'gave way' : 'withstood';
  return { in: 'got in', told: 'told', stuck: 'stuck' }[outcome];
}
