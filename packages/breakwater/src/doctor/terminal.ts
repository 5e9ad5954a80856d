import { stripVTControlCharacters, styleText } from 'node:util';

/** How a terminal is written to. */
export interface TableStyle {
  readonly color: boolean;
  readonly columns: number;
}

/** A text from somewhere else as a terminal may get it: no control characters. */
export function clean(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/[\x00-\x1f\x7f-\x9f]/g, '?');
}

/** A text that fits. */
export function cut(text: string, room: number): string {
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
}

/** A text in a colour, where there are colours. */
export function dye(format: 'green' | 'cyan' | 'red' | 'bold' | 'dim', text: string, color: boolean): string {
  return color ? styleText(format, text, { validateStream: false }) : text;
}

/** What a stream wants to be written. */
export function styleOf({
  isTTY,
  columns,
}: {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}): TableStyle {
  return { color: isTTY === true, columns: columns ?? 160 };
}
