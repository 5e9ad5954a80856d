/** The way to a value: keys and indices from the root. */
export type Path = readonly (string | number)[];

/** A place in a text, counted from one. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One thing wrong (or odd) in a configuration; it has a place when it came from a text. */
export interface ConfigIssue extends Partial<Position> {
  /** What was expected, in words that let the reader mend it. Holds no value from the file that may be secret. */
  readonly message: string;
  /** Where it is wrong; empty for the whole. */
  readonly path: Path;
}

/** Writes a path as people write it: `routes[0].upstreams[2]`; keys that are no plain words in quotes. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z0-9_$-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** One line per issue: `file:line:column  path  message`, in the order of the text. */
export function formatIssues(issues: readonly ConfigIssue[], fileName = 'config'): string {
  const ordered = issues.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  return ordered
    .map(({ message, path, line, column }) => {
      const place = line === undefined ? fileName : `${fileName}:${line}:${column ?? 1}`;
      return [place, formatPath(path), message].filter((part) => part !== '').join('  ');
    })
    .join('\n');
}
