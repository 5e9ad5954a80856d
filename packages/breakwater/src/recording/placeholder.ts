/** What stands in a recording where something was taken out: `‹string 5›`, `‹session Zk3…›`. */
export interface Placeholder {
  readonly kind: string;
  /** Length, scheme or pseudonym, as the kind has it. */
  readonly detail: string;
}

const PLACEHOLDER = /^‹([a-z]+)(?: ([^‹›]*))?›$/;
/** Longest text that is made up in place of one that was hidden. */
const MOST_CHARS = 100_000;

/** Writes a placeholder. */
export function placeholder(kind: string, detail: string | number = ''): string {
  return detail === '' ? `‹${kind}›` : `‹${kind} ${detail}›`;
}

/** Reads a placeholder; undefined for any other text. */
export function readPlaceholder(text: string): Placeholder | undefined {
  const [, kind, detail = ''] = PLACEHOLDER.exec(text) ?? [];
  return kind === undefined ? undefined : { kind, detail };
}

/** What stands for a string value: its kind and length, never a part of it. */
export function hideString(text: string): string {
  const [, scheme] = /^([a-z][a-z0-9+.-]{1,15}):\/\//i.exec(text) ?? [];
  return scheme === undefined
    ? placeholder('string', text.length)
    : placeholder('uri', `${scheme.toLowerCase()} ${text.length}`);
}

/** What stands for a number. */
export function hideNumber(value: number): string {
  return placeholder(Number.isInteger(value) ? 'integer' : 'number');
}

/** A value of the same shape as the hidden one; undefined where only the one value would do. */
export function makeUp({ kind, detail }: Placeholder): unknown {
  switch (kind) {
    case 'string':
      return 'x'.repeat(lengthOf(detail));
    case 'uri': {
      const [scheme = 'x', length = ''] = detail.split(' ');
      return `${scheme}:///`.padEnd(lengthOf(length), 'x');
    }
    case 'integer':
      return 1;
    case 'number':
      return 1.5;
    case 'secret':
      return 'x';
    case 'deep':
      return null;
    default:
      return undefined;
  }
}

function lengthOf(text: string): number {
  const length = Number(text);
  return Number.isInteger(length) && length > 0 ? Math.min(length, MOST_CHARS) : 0;
}
