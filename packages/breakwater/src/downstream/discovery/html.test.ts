import { expect, test } from 'vitest';
import { html } from './html.ts';

test('inserted texts are escaped, in elements and in attributes', () => {
  const text = `<b>&"'`;
  expect(html`<p title="${text}">${text}</p>`.markup).toBe(
    '<p title="&lt;b&gt;&amp;&quot;&#39;">&lt;b&gt;&amp;&quot;&#39;</p>',
  );
});

test('markup, lists of it and nothing go in as they are', () => {
  const items = ['<', 2].map((item) => html`<li>${item}</li>`);
  expect(html`<ul>${items}</ul>${undefined}`.markup).toBe('<ul><li>&lt;</li><li>2</li></ul>');
});
