/** Dated protocol revisions served by the gateway, oldest first. Dates compare as strings. */
export const REVISIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const;

/** A dated protocol revision. */
export type Revision = (typeof REVISIONS)[number];
/** A revision of the legacy era: `initialize`, sessions. */
export type LegacyRevision = Exclude<Revision, '2026-07-28'>;
/** A revision of the modern era: metadata on every request, no session. */
export type ModernRevision = '2026-07-28';
/** `legacy` (≤ 2025-11-25) or `modern` (≥ 2026-07-28). */
export type Era = 'legacy' | 'modern';

export const LATEST_LEGACY: LegacyRevision = '2025-11-25';
export const LATEST_MODERN: ModernRevision = '2026-07-28';
export const LEGACY_REVISIONS: readonly LegacyRevision[] = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];
export const MODERN_REVISIONS: readonly ModernRevision[] = ['2026-07-28'];

/** True for a revision the gateway serves. */
export function isRevision(value: unknown): value is Revision {
  return typeof value === 'string' && (REVISIONS as readonly string[]).includes(value);
}

/** True for a legacy revision the gateway serves. */
export function isLegacyRevision(value: unknown): value is LegacyRevision {
  return isRevision(value) && value !== LATEST_MODERN;
}

/** True for any dated string of the modern era, served or not: a claim of a future revision is modern too. */
export function isModernClaim(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) && value >= LATEST_MODERN;
}

/** The era of a served revision. */
export function eraOf(revision: Revision): Era {
  return revision === LATEST_MODERN ? 'modern' : 'legacy';
}

/**
 * The revision to answer an `initialize` with (eras.md §4.1): the asked one when served, 2024-11-05 for the SDKs' 2024-10-07, otherwise
 * a counter-offer of the latest legacy revision.
 */
export function negotiateLegacy(asked: unknown): LegacyRevision {
  if (isLegacyRevision(asked)) return asked;
  return asked === '2024-10-07' ? '2024-11-05' : LATEST_LEGACY;
}
