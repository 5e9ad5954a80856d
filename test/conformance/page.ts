import { readFileSync } from 'node:fs';
import { expectedFailures, REASONS } from './expected-failures.ts';
import { type Proof, writeProof } from './proofs.ts';
import type { Row } from './rows.ts';

/** The revisions whose requirements are run: the columns of the table. */
export const REVISIONS = ['2025-11-25', '2026-07-28'] as const;

/** One of {@link REVISIONS}. */
export type Revision = (typeof REVISIONS)[number];

/** How many required scenarios of one cell passed. */
export interface Score {
  readonly passed: number;
  readonly required: number;
}

const MANIFEST = new URL('../../node_modules/@modelcontextprotocol/conformance/package.json', import.meta.url);

/** The whole page `docs/conformance.md`. */
export function writePage(
  rows: readonly Row[],
  scoreOf: (row: string, revision: Revision) => Score,
  proofs: readonly Proof[],
): string {
  const { version } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string };
  const sections = [...REASONS].map(([name, reason]) => {
    const owner = reason.who === 'no gateway' ? 'No gateway can pass it.' : 'This gateway fails it on purpose.';
    const proof = proofs.find((given) => given.reason === name);
    const parts = [`### ${name}`, `${owner} ${reason.text}`, ...(proof ? [writeProof(proof)] : [])];
    return parts.join('\n\n');
  });
  return [
    '# Conformance',
    `The official suite, \`@modelcontextprotocol/conformance\` ${version}, run through the gateway by \`npm test\` against a server of every transport and era. A cell says how many of the scenarios that a revision requires (\`--requirements\`) passed. This page is written by \`UPDATE_DOCS=1 npx vitest run test/conformance\`; the test fails when it is stale.`,
    writeTable(rows, scoreOf),
    '"Speaks" is what the server speaks to the gateway; the suite always finds both revisions. Scenarios of extensions that the server does not have (`tasks-*`) decide nothing and are not counted; all other scenarios outside of the count pass as well. `CONFORMANCE_RUNS=3` runs every cell three times.',
    '## What fails, and why',
    'All of it is listed in `test/conformance/expected-failures.yaml`, with the number of checks that fail in each scenario. The test fails on a failure that is not listed and on an entry that passes.',
    writeFailures(rows),
    '## The reasons, proven',
    'The messages are those that crossed the wire between the gateway (→) and the server (←, after the HTTP status) in the run that filled the table, byte for byte; only JSON-RPC ids were numbered anew and the version of the gateway left out, so that this page does not change from run to run.',
    ...sections,
    '',
  ].join('\n\n');
}

function writeTable(rows: readonly Row[], scoreOf: (row: string, revision: Revision) => Score): string {
  const lines = rows.map(({ name, speaks }) => {
    const cells = REVISIONS.map((revision) => scoreOf(name, revision)).map(
      (score) => `${score.passed}/${score.required}`,
    );
    return [name, speaks, ...cells];
  });
  return toTable([['server behind the gateway', 'speaks', ...REVISIONS], ...lines]);
}

function writeFailures(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ name }) =>
    REVISIONS.flatMap((revision) =>
      Object.entries(expectedFailures(name, revision)).map(([scenario, { checks, reason }]) => [
        name,
        revision,
        `\`${scenario}\``,
        String(checks),
        `[${reason}](#${reason})`,
      ]),
    ),
  );
  return toTable([['server behind the gateway', 'revision', 'scenario', 'checks', 'reason'], ...lines]);
}

function toTable([head = [], ...lines]: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
