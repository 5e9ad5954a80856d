/** One piece of a template: text that stands for itself, or a variable with what to take when it is not set. */
export type TemplatePart =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string; readonly fallback?: string };

const REFERENCE = /\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;
const FOREIGN = /\$\{((?:input|command|config|workspaceFolder|prompt|secret|vault):[^}]*)\}/;

/** Whether a text holds something that looks like `${…}`. */
export function hasReference(text: string): boolean {
  return /\$\{[^}]*\}/.test(text);
}

/** Splits a template into its parts; what is no `${NAME}`, `${env:NAME}` or `${NAME:-default}` stands for itself. */
export function splitTemplate(template: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let end = 0;
  for (const match of template.matchAll(REFERENCE)) {
    if (match.index > end) parts.push({ kind: 'literal', text: template.slice(end, match.index) });
    const [whole, name = '', fallback] = match;
    parts.push(fallback === undefined ? { kind: 'variable', name } : { kind: 'variable', name, fallback });
    end = match.index + whole.length;
  }
  if (end < template.length) parts.push({ kind: 'literal', text: template.slice(end) });
  return parts;
}

/** A reference only another program can resolve, such as VS Code's `${input:token}`: what stands between the braces. */
export function foreignReference(template: string): string | undefined {
  return FOREIGN.exec(template.replace(REFERENCE, ''))?.[1];
}
