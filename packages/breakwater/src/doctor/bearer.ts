import type { HeaderLines } from './exchange.ts';

/** The bearer token among header lines. */
export function bearerOf(lines: HeaderLines): string | undefined {
  const line = lines.find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  return /^bearer +(\S+)$/i.exec(line ?? '')?.[1];
}
