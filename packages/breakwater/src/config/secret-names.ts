/** Headers that carry a credential, by exact name. */
const SECRET_HEADERS = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);
/** Words that make any name with one of them the name of a credential; `key` only at the end, where it opens something. */
const SECRET_WORDS =
  /(^|[-_.])(api-?_?key|apikey|access-?_?key|auth|bearer|credentials?|passw(or)?d|pwd|secret|sig(nature)?|token)([-_.]|$)|(^|[-_.])key$/i;

/** Whether a header, variable, flag or query parameter of this name usually holds a credential. */
export function isSecretName(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1-$2');
  return SECRET_HEADERS.has(name.toLowerCase()) || SECRET_WORDS.test(words);
}
