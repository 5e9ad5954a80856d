/**
 * Whether a client wants a page: it names HTML, and does not prefer JSON by weight. A wildcard alone is a program: curl and crawlers that parse only
 * JSON send it.
 */
export function acceptsHtml(accept: string | undefined): boolean {
  const html = Math.max(weightOf(accept, 'text/html'), weightOf(accept, 'application/xhtml+xml'));
  return html > 0 && html >= weightOf(accept, 'application/json');
}

function weightOf(accept: string | undefined, type: string): number {
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [essence = '', ...parameters] = range.split(';').map((part) => part.trim());
    if (essence !== type) continue;
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    return Number.isFinite(weight) ? weight : 1;
  }
  return 0;
}
