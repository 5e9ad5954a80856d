import { isObject } from '../protocol/capabilities.ts';
import { readPlaceholder } from './placeholder.ts';
import { isReference, isWord, type Path } from './vocabulary.ts';

/** One thing that is not as it was. */
export interface Difference {
  /** What of an answer: `status`, `result/tools/*`. */
  readonly at: string;
  readonly recorded: string;
  readonly live: string;
}

/** Differences that are named of one exchange. */
export const MOST_DIFFERENCES = 20;
const MOST_DEPTH = 40;

/**
 * Compares two redacted JSON values by their structure: members, kinds of values, words of the protocol, and the names in lists. What a value says,
 * how many there are of a kind, and `_meta` are not compared.
 */
export function compareShapes(recorded: unknown, live: unknown, path: Path): Difference[] {
  const found: Difference[] = [];
  compareAt(recorded, live, path, found);
  return found.slice(0, MOST_DIFFERENCES);
}

function compareAt(recorded: unknown, live: unknown, path: Path, found: Difference[]): void {
  if (path.length > MOST_DEPTH || found.length >= MOST_DIFFERENCES || isReference(path)) return;
  const differ = (before: string, now: string): void =>
    void found.push({ at: path.join('/'), recorded: before, live: now });
  const [before, now] = [kindOf(recorded), kindOf(live)];
  if (before !== now) return differ(before, now);
  if (Array.isArray(recorded) && Array.isArray(live)) return compareLists(recorded, live, path, found);
  if (isObject(recorded) && isObject(live)) {
    for (const name of namesOf(recorded)) if (!Object.hasOwn(live, name)) found.push(lost(path, name));
    for (const name of namesOf(live)) if (!Object.hasOwn(recorded, name)) found.push(added(path, name));
    for (const name of namesOf(recorded)) {
      if (Object.hasOwn(live, name)) compareAt(recorded[name], live[name], [...path, name], found);
    }
    return;
  }
  if (isWord(path) && recorded !== live) differ(String(recorded), String(live));
}

function compareLists(recorded: readonly unknown[], live: readonly unknown[], path: Path, found: Difference[]): void {
  const within: Path = [...path, '*'];
  const named = [byName(recorded, within), byName(live, within)] as const;
  if (named[0] !== undefined && named[1] !== undefined) {
    for (const name of named[0].keys()) if (!named[1].has(name)) found.push(lost(within, name));
    for (const name of named[1].keys()) if (!named[0].has(name)) found.push(added(within, name));
    for (const [name, item] of named[0]) {
      const other = named[1].get(name);
      if (other !== undefined) compareAt(item, other, within, found);
    }
    return;
  }
  // How many there are is a value; of an empty list nothing is known.
  if (recorded.length === 0 || live.length === 0) return;
  const kinds = [
    new Set(recorded.map((item) => sortOf(item, within))),
    new Set(live.map((item) => sortOf(item, within))),
  ] as const;
  for (const kind of kinds[0]) if (!kinds[1].has(kind)) found.push(lost(within, kind));
  for (const kind of kinds[1]) if (!kinds[0].has(kind)) found.push(added(within, kind));
}

function byName(items: readonly unknown[], path: Path): Map<string, unknown> | undefined {
  if (items.length === 0 || !isWord([...path, 'name'])) return undefined;
  const named = new Map<string, unknown>();
  for (const item of items) {
    if (!isObject(item) || typeof item['name'] !== 'string') return undefined;
    named.set(item['name'], item);
  }
  return named;
}

function sortOf(item: unknown, path: Path): string {
  if (isWord(path)) return String(item);
  if (!isObject(item)) return kindOf(item);
  if (typeof item['type'] === 'string' && isWord([...path, 'type'])) return item['type'];
  return `{${namesOf(item).sort().join(', ')}}`;
}

function namesOf(value: object): string[] {
  return Object.keys(value).filter((name) => name !== '_meta' && readPlaceholder(name) === undefined);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'list';
  if (typeof value !== 'string') return typeof value;
  const kind = readPlaceholder(value)?.kind;
  return kind === 'integer' || kind === 'number' ? 'number' : 'string';
}

function lost(path: Path, name: string): Difference {
  return { at: [...path, name].join('/'), recorded: 'there', live: 'missing' };
}

function added(path: Path, name: string): Difference {
  return { at: [...path, name].join('/'), recorded: 'missing', live: 'there' };
}
