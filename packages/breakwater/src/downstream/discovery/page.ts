import { createHash } from 'node:crypto';
import { html, type Markup } from './html.ts';
import { STYLE } from './page-style.ts';

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const STYLE_ELEMENT: Markup = { markup: `<style>${STYLE}</style>` };
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="11" fill="#0a5f80"/><path d="M8 31c4 0 4-4 8-4s4 4 8 4 4-4 8-4 4 4 8 4M14 20l10-8 10 8" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/></svg>',
)}`;
const LOGO: Markup = {
  markup:
    '<svg viewBox="0 0 48 48" aria-hidden="true" focusable="false"><g fill="none" stroke="var(--deep)" stroke-width="3.4" stroke-linecap="round" stroke-linejoin="round"><path d="M11 21 24 10l13 11"/><path d="M4 31c5 0 5-5 10-5s5 5 10 5 5-5 10-5 5 5 10 5"/><path d="M4 40c5 0 5-5 10-5s5 5 10 5 5-5 10-5 5 5 10 5" opacity=".5"/></g></svg>',
};

/** Nothing but the pages' own style may load or run: their texts come from servers that nobody here vouches for. */
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** Headers of every page: it loads and runs nothing, stands in no frame, and tells nobody where its reader came from. */
export const PAGE_HEADERS = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
} as const;

/** The parts of a page for people. */
export interface Page {
  /** Of the window. */
  readonly title: string;
  readonly heading: string;
  readonly lead: string | undefined;
  /** Elements of the head beside those of every page. */
  readonly head?: Markup;
  /** Below the heading. */
  readonly intro?: Markup | undefined;
  /** Sections. */
  readonly main: Markup;
  readonly footer: string;
}

/** Writes a page: one file, nothing to load. */
export function writePage({ title, heading, lead, head, intro, main, footer }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="${ICON}">
${head}
${STYLE_ELEMENT}
</head>
<body>
<header><div class="wrap">
<div class="brand">${LOGO}<h1>${heading}</h1></div>
${lead === undefined ? undefined : html`<p class="lead">${lead}</p>`}
${intro}
</div></header>
<main><div class="wrap">
${main}
</div></main>
<footer><div class="wrap">${footer}</div></footer>
</body>
</html>
`.markup;
}
