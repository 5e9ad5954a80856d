/** A piece of HTML that is safe to insert. Made by {@link html} alone. */
export interface Markup {
  readonly markup: string;
}

type Insert = string | number | Markup | undefined | readonly Insert[];

/** A template whose inserted texts are escaped; markup and lists of it go in as they are, undefined as nothing. */
export function html(parts: TemplateStringsArray, ...inserts: readonly Insert[]): Markup {
  return { markup: parts.map((part, index) => part + render(inserts[index])).join('') };
}

function render(insert: Insert): string {
  if (insert === undefined) return '';
  if (typeof insert === 'string' || typeof insert === 'number') return escapeHtml(String(insert));
  return 'markup' in insert ? insert.markup : insert.map(render).join('');
}

/** Text for an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
