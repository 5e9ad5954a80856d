import { placeholder } from './placeholder.ts';

const SECRET = placeholder('secret');
/** Members and parameters whose value is a credential whatever it looks like. */
const SECRET_NAME =
  /(^|[_\-.\s])(pass(word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth(orization)?|credentials?|cookie|signature|sig|otp|pin)s?$/i;

// Each is linear: a hostile peer chooses the text.
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]{1,40}-----[\s\S]*?(?:-----END [A-Z ]{1,40}-----|$)/g, SECRET],
  [/\b(bearer|basic|digest|negotiate|token|apikey)\s+[\w.~+/=:-]{4,}/gi, `$1 ${SECRET}`],
  [/\beyJ[\w-]{4,}(?:\.[\w-]*)*/g, SECRET],
  [
    /\b(?:sk|pk|rk|gh[oprsu]|github_pat|glpat|xox[abeprs]|npm|hf|key|api|pat|shpat|dop_v1)[-_](?=[\w-]{0,80}\d)[\w-]{8,}/gi,
    SECRET,
  ],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{12,}\b/g, SECRET],
  [/\bAIza[\w-]{20,}|\bya29\.[\w-]+/g, SECRET],
  [
    /\b((?:[a-z]+[_-])?(?:token|api[_-]?key|secret|password|passwd|pwd)["']?\s{0,3}[=:]\s{0,3})"[^"\n]*"?/gi,
    `$1"${SECRET}"`,
  ],
  [
    /\b((?:[a-z]+[_-])?(?:token|api[_-]?key|key|secret|password|passwd|pwd|sig|signature|session_?id|auth|code))(["']?\s{0,3}[=:]\s{0,3}["']?)[^&\s"'<>,;]+/gi,
    `$1$2${SECRET}`,
  ],
  [/(:\/\/)[^/\s@]+@/g, `$1${SECRET}@`],
];
/** Somebody's mailbox, or whatever looks like one. Bounded on both sides, so that it stays linear. */
const MAILBOX = /[^\s@<>()[\]",;:/=]{1,64}(?:@|%40)[\p{L}\d[][^\s@<>()",;/]{0,254}/giu;
const LONG_RUN = /[A-Za-z0-9+/_=-]{20,}/g;
const ADDRESS =
  /(?<![\w.]|[A-Za-z]\/)\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![\w:])/gi;

/** A text without what looks like a credential. */
export function scrub(text: string): string {
  let clean = text;
  for (const [pattern, instead] of PATTERNS) clean = clean.replaceAll(pattern, instead);
  return clean.replaceAll(LONG_RUN, (run) => (isRandom(run) ? SECRET : run));
}

/** The same for a text that must not tell where somebody was, either, nor who. */
export function scrubAddresses(text: string): string {
  return scrub(text).replaceAll(MAILBOX, placeholder('mailbox')).replaceAll(ADDRESS, placeholder('address'));
}

/** Whether a member of this name holds a credential. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.replaceAll(/([a-z])([A-Z])/g, '$1_$2'));
}

/** Whether a text is a short name without anything secret in it, so that it may stand in a recording. */
export function isPlainName(text: string): boolean {
  return /^[\w$.:/ ~+-]{1,128}$/.test(text) && scrub(text) === text;
}

// Words and dates have few digits among their letters; ids, hashes and keys have many.
function isRandom(run: string): boolean {
  const digits = run.match(/\d/g)?.length ?? 0;
  const letters = run.match(/[A-Za-z]/g)?.length ?? 0;
  if (digits >= 4 && letters >= 4) return true;
  return run.length >= 32 && /[a-z]/.test(run) && /[A-Z]/.test(run) && !/[_\-/]/.test(run);
}
