import { styleText } from 'node:util';

type Style = (text: string) => string;

/** Terminal styles, or functions that leave the text alone. */
export function paint(color: boolean): { readonly bold: Style; readonly dim: Style; readonly accent: Style } {
  const style =
    (format: 'bold' | 'dim' | 'cyan'): Style =>
    (text) =>
      color && text !== '' ? styleText(format, text, { validateStream: false }) : text;
  return { bold: style('bold'), dim: style('dim'), accent: style('cyan') };
}
