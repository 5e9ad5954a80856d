const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};

/** What a duration text looks like, for JSON Schema and editors. */
export const DURATION_PATTERN = '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$';
/** What a size text looks like, for JSON Schema and editors. */
export const SIZE_PATTERN = '^[0-9]+(\\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)$';

// setTimeout takes 2^31-1 ms and fires at once beyond that, so a longer duration would do the opposite of what it says.
const MAX_DURATION_MS = 24 * 86_400_000;

type Measure = { readonly ok: true; readonly value: number } | { readonly ok: false; readonly message: string };

function measure(text: string, pattern: string, units: Readonly<Record<string, number>>): number | undefined {
  if (!new RegExp(pattern).test(text)) return undefined;
  const split = text.search(/[A-Za-z]/);
  return Math.round(Number(text.slice(0, split)) * (units[text.slice(split)] ?? Number.NaN));
}

/** Reads `"250ms"`, `"30s"`, `"5m"`, `"1h"`, `"2d"`, or a number of milliseconds. */
export function parseDuration(input: string | number): Measure {
  const value = typeof input === 'number' ? input : measure(input, DURATION_PATTERN, DURATION_MS);
  if (value === undefined || !Number.isInteger(value)) {
    return { ok: false, message: 'expected a duration such as "250ms", "30s", "5m" or "1h"' };
  }
  if (value < 1) return { ok: false, message: 'expected a duration of at least 1ms' };
  if (value > MAX_DURATION_MS) return { ok: false, message: 'expected a duration of at most 24d' };
  return { ok: true, value };
}

/** Reads `"512B"`, `"16KiB"`, `"4MiB"`, `"1GB"`, or a number of bytes. */
export function parseSize(input: string | number): Measure {
  const value = typeof input === 'number' ? input : measure(input, SIZE_PATTERN, SIZE_BYTES);
  if (value === undefined || !Number.isSafeInteger(value)) {
    return { ok: false, message: 'expected a size such as "512B", "16KiB" or "4MiB"' };
  }
  if (value < 1) return { ok: false, message: 'expected a size of at least 1B' };
  return { ok: true, value };
}

/** Writes milliseconds in the largest unit that keeps them whole, so that `parseDuration` gives the same number back. */
export function formatDuration(valueMs: number): string {
  return formatUnit(valueMs, ['d', 'h', 'm', 's', 'ms'], DURATION_MS);
}

/** Writes bytes in the largest binary unit that keeps them whole, so that `parseSize` gives the same number back. */
export function formatSize(valueBytes: number): string {
  return formatUnit(valueBytes, ['GiB', 'MiB', 'KiB', 'B'], SIZE_BYTES);
}

function formatUnit(value: number, names: readonly string[], units: Readonly<Record<string, number>>): string {
  for (const name of names) {
    const unit = units[name] ?? 1;
    if (value >= unit && value % unit === 0) return `${value / unit}${name}`;
  }
  return `${value}${names.at(-1) ?? ''}`;
}
