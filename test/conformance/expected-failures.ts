import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import * as z from 'zod';

const Cell = z.record(z.string(), z.strictObject({ checks: z.int().min(1), reason: z.string() }));
const File = z.strictObject({
  reasons: z.record(z.string(), z.strictObject({ who: z.enum(['no gateway', 'this gateway']), text: z.string() })),
  rows: z.record(z.string(), z.record(z.string(), Cell)),
});

/** Why a scenario fails: because no gateway could pass it, or because this one chose not to. */
export type Reason = z.infer<typeof File>['reasons'][string];

/** The scenarios of one cell that must fail, each with how many of its checks, and why. */
export type ExpectedFailures = z.infer<typeof Cell>;

const CONTENT = File.parse(
  parse(readFileSync(new URL('./expected-failures.yaml', import.meta.url), 'utf8'), { merge: true }),
);

/** The reasons by name, in their order. */
export const REASONS: ReadonlyMap<string, Reason> = new Map(Object.entries(CONTENT.reasons));

/** Names of the rows that have expected failures. */
export const LISTED_ROWS: readonly string[] = Object.keys(CONTENT.rows);

/** What must fail in one cell. */
export function expectedFailures(row: string, revision: string): ExpectedFailures {
  return CONTENT.rows[row]?.[revision] ?? {};
}
