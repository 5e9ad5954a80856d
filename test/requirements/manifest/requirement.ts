/** A dated revision of the specification. */
export type Revision = '2024-11-05' | '2025-03-26' | '2025-06-18' | '2025-11-25' | '2026-07-28';

/** One MUST or SHOULD (with its NOT) of the specification that concerns a gateway, or one of our own. */
export interface Requirement {
  /** `topic.era.name`; cited by tests, so it never changes. */
  readonly id: string;
  readonly level: 'MUST' | 'SHOULD';
  /** Where the gateway plays the part the line is about: server to its clients, client to its servers. */
  readonly side: 'downstream' | 'upstream';
  readonly revisions: readonly Revision[];
  readonly transport: 'streamable-http' | 'sse' | 'stdio' | 'any';
  /** In our own words. */
  readonly text: string;
  /** Where it stands: an address, or a file of this repository for lines of our own. */
  readonly source: string;
}

/** What the lines of one section share. */
export type Shared = Pick<Requirement, 'side' | 'revisions' | 'transport'> & {
  /** The page without its host, such as `2025-11-25/basic/transports`, or a file of this repository. */
  readonly page: string;
};

/** What each line of a section says itself; `at` is the heading's anchor. */
export type Line = Pick<Requirement, 'id' | 'level' | 'text'> & { readonly at?: string };

/** Revisions of the legacy era. */
export const LEGACY: readonly Revision[] = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];
/** Legacy revisions with Streamable HTTP. */
export const SESSIONFUL: readonly Revision[] = ['2025-03-26', '2025-06-18', '2025-11-25'];
/** Revisions of the modern era. */
export const MODERN: readonly Revision[] = ['2026-07-28'];
/** All revisions. */
export const ALL: readonly Revision[] = [...LEGACY, ...MODERN];

const SPECIFICATION = 'https://modelcontextprotocol.io/specification/';

/** Completes the lines of one section. */
export function section(shared: Shared, lines: readonly Line[]): Requirement[] {
  const { page, ...members } = shared;
  const address = /^\d{4}-/.test(page) ? SPECIFICATION + page : page;
  return lines.map(({ at, ...line }) => ({
    ...members,
    ...line,
    source: at === undefined ? address : `${address}#${at}`,
  }));
}
