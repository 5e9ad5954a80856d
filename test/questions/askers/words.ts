/** What the askers of every era have in common: the same tools, the same questions, the same words. */

/** A kind of question; each is a tool of its own. */
export const KINDS = ['form', 'url', 'sampling', 'roots'] as const;

/** One of {@link KINDS}. */
export type Kind = (typeof KINDS)[number];

/** Where a url elicitation sends the user. */
export const PAGE = 'https://harbour.example/sign-in';

/** What the tool of a kind says that was told these. */
export const SAID = {
  form: (action: string, name: unknown): string => (action === 'accept' ? `accept ${String(name)}` : action),
  url: (action: string): string => action,
  sampling: (text: unknown): string => `sampled ${String(text)}`,
  roots: (uris: readonly string[]): string => uris.join(' '),
} as const;

/** The form that is asked, as JSON Schema. */
export const NAME_FORM = {
  type: 'object' as const,
  properties: { name: { type: 'string' as const } },
  required: ['name'],
};

/** What the model is asked. */
export const SAMPLING_PARAMS = {
  messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'Hi' } }],
  maxTokens: 10,
};

/** A tool's result. */
export function textResult(text: string) {
  return { content: [{ type: 'text' as const, text }] };
}
