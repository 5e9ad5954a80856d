import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { oldNode } from './node-version.ts';

it.each(['22.19.0', '22.20.1', '24.0.0', '100.1.2'])('takes Node.js %s', (version) =>
  expect(oldNode(version)).toBeUndefined(),
);

it.each(['18.20.4', '20.20.2', '22.18.9'])('says of Node.js %s what is needed', (version) =>
  expect(oldNode(version)).toContain(`Node.js ${version}; it needs 22.19`),
);

it('asks for what the package asks for', () => {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  expect((JSON.parse(manifest) as { readonly engines: object }).engines).toEqual({ node: '>=22.19.0' });
});
