const EXPRESSION = /\{([+#./;?&]?)([^}]*)\}/g;

/**
 * True when `uri` may be an expansion of the RFC 6570 template. Generous: it decides which upstream is asked, not what is allowed. Runs
 * in linear time on any input because every expression becomes a lazy wildcard matched piece by piece, never a regular expression.
 */
export function matchesTemplate(template: string, uri: string): boolean {
  const pieces: string[] = [];
  let at = 0;
  for (const match of template.matchAll(EXPRESSION)) {
    pieces.push(template.slice(at, match.index));
    at = match.index + match[0].length;
  }
  const tail = template.slice(at);
  const head = pieces[0];
  if (head === undefined) return uri === template;
  if (!uri.startsWith(head)) return false;
  let position = head.length;
  for (const piece of pieces.slice(1)) {
    const found = uri.indexOf(piece, position);
    if (found < 0) return false;
    position = found + piece.length;
  }
  return uri.length - tail.length >= position && uri.endsWith(tail);
}
