/** What a Prefer header asks for (RFC 7240). */
export interface Preferences {
  readonly respondAsync: boolean;
  /** How long an answer may be waited for, in ms. */
  readonly waitMs: number;
}

/** Nobody is kept longer by `wait`: a proxy in between gives up at about this time. */
const MOST_WAIT_S = 50;

/** Reads a Prefer header. The first of a repeated preference counts; unknown ones are ignored. */
export function readPrefer(header: string | undefined): Preferences {
  const seen = new Map<string, string>();
  for (const part of (header ?? '').split(',')) {
    const [name = '', value = ''] = (part.split(';')[0] ?? '').split('=');
    const key = name.trim().toLowerCase();
    if (key !== '' && !seen.has(key)) seen.set(key, value.trim().replace(/^"(.*)"$/, '$1'));
  }
  const wait = seen.get('wait') ?? '';
  return {
    respondAsync: seen.has('respond-async'),
    waitMs: /^\d{1,6}$/.test(wait) ? Math.min(Number(wait), MOST_WAIT_S) * 1_000 : 0,
  };
}
