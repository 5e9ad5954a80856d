/** Settings given outside the file, by flags or environment variables. */
export interface ConfigOverrides {
  readonly listen?: { readonly host?: string; readonly port?: number };
  readonly publicUrl?: string;
  readonly log?: { readonly level?: string };
  readonly workers?: number;
  /** Added to the file's list. */
  readonly allowedHosts?: readonly string[];
  /** Added to the file's list. */
  readonly allowedOrigins?: readonly string[];
}

/** Lays overrides over configuration input: single values win, lists grow. Input of the wrong shape is left to validation. */
export function mergeOverrides(input: unknown, overrides: ConfigOverrides): unknown {
  return mergeValue(input, overrides);
}

function mergeValue(under: unknown, over: unknown): unknown {
  if (over === undefined) return under;
  if (under === undefined) return over;
  if (Array.isArray(over)) return Array.isArray(under) ? [...under, ...over] : under;
  if (!isMapping(over)) return over;
  if (!isMapping(under)) return under;
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) merged[key] = mergeValue(merged[key], value);
  return merged;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
