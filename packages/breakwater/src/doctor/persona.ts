import type { Wire } from './wire.ts';

/** How a visit ended, as the client would see it. */
export type Outcome =
  /** Its goal was reached; a hostile client was withstood. */
  | 'in'
  /** It was refused in a form it can read that names what to send instead. */
  | 'told'
  /** Neither; a hostile client found the server giving way. */
  | 'stuck';

/** What came of one persona's visit. */
export interface Verdict {
  readonly outcome: Outcome;
  /** One sentence. */
  readonly reason: string;
  /** Number of the exchange that decided it. */
  readonly decidedBy?: number | undefined;
  /** What the client needed and did not get. */
  readonly needed?: string | undefined;
}

/** Where a persona comes from; the report is ordered by it. */
export const GROUPS = {
  'field-notes': 'The ten of the field notes',
  later: 'Seen later',
  elsewhere: 'Seen elsewhere',
  'well-behaved': 'By the book',
  hostile: 'Hostile',
} as const;

/** A key of {@link GROUPS}. */
export type Group = keyof typeof GROUPS;

/** One known client: facts, and the script of what it does on the wire. */
export interface Persona {
  /** Kebab-case; what `--only` takes and reports carry. */
  readonly id: string;
  readonly title: string;
  readonly group: Group;
  /** What program this is, and what it wants. */
  readonly who: string;
  /** Where it was seen, or the specification that describes it. */
  readonly evidence: string;
  /** What a server that leaves it stuck should change. */
  readonly fix: string;
  /** The User-Agent it sends; none when absent. */
  readonly agent?: string;
  /** It looks at status and body alone: what only a header says, it was not told. */
  readonly ignoresHeaders?: true;
  /** It knows the error of 2026-07-28 that lists the revisions served. */
  readonly readsRevisions?: true;
  /** Plays only when a bearer token was given. */
  readonly needsToken?: true;
  /** Plays the visit. A failed {@link Wire.need} inside ends it as told or stuck, whichever the answer deserves. */
  readonly script: (wire: Wire) => Promise<Verdict>;
}
