import { it } from 'vitest';
import { REQUIREMENTS } from './manifest.ts';

const KNOWN: ReadonlySet<string> = new Set(REQUIREMENTS.map(({ id }) => id));

/** A test of requirements, by their ids. Write the ids in place: coverage.test.ts reads them out of the source. */
export function verifies(ids: readonly string[], name: string, test: () => Promise<void> | void): void {
  checkIds(ids);
  it(name, test);
}

/** A test of requirements that are not met yet, and why; it fails once they are. */
export function knownFailure(ids: readonly string[], reason: string, name: string, test: () => Promise<void>): void {
  checkIds(ids);
  it.fails(`${name} (known failure: ${reason})`, test);
}

function checkIds(ids: readonly string[]): void {
  const unknown = ids.filter((id) => !KNOWN.has(id));
  if (ids.length === 0 || unknown.length > 0) throw new TypeError(`unknown requirements: ${unknown.join(', ')}`);
}
