import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfig } from '../../packages/breakwater/src/config/load.ts';
import { REPOSITORY } from '../e2e/support/programs.ts';

const page = readFileSync(join(REPOSITORY, 'docs/tls-and-proxies.md'), 'utf8');
const snippets = [
  'nginx/breakwater.conf',
  'nginx/stream.conf',
  'haproxy/http.cfg',
  'haproxy/tcp.cfg',
  'caddy/Caddyfile',
];

// Each of these files runs in proxies.test.ts.
test.each(snippets)('the page shows deploy/%s as it is', (file) => {
  const text = readFileSync(join(REPOSITORY, 'deploy', file), 'utf8');
  expect(page).toMatch(new RegExp(`\\(\\.\\./deploy/${file.replaceAll('.', '\\.')}\\):\n\n\`\`\`\\w+\n`));
  expect(page).toContain(`\n${text}\`\`\`\n`);
});

test('the page shows no other snippet', () => {
  expect(page.match(/^```(nginx|haproxy|caddyfile)$/gm)).toHaveLength(snippets.length);
});

test('every configuration on the page is valid, and nothing is odd about it', () => {
  const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => parseConfig(text));
  expect(examples).toHaveLength(3);
  for (const example of examples) expect(example).toMatchObject({ ok: true, warnings: [] });
});
