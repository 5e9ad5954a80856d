/** A text as an attribute's value, with its quotes. */
export function quote(text: string): string {
  return `"${escapeXml(text)}"`;
}

/** A text as XML. XML 1.0 §2.2: most control characters cannot stand in a document at all, not even escaped. */
export function escapeXml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
