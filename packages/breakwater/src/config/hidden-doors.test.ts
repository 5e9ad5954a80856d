import { expect, test } from 'vitest';
import { parseConfig } from './load.ts';

function hiddenDoors(routes: string): string[] {
  const result = parseConfig(`upstreams: { one: { command: x } }\nroutes: ${routes}\n`);
  if (!result.ok) throw new Error(JSON.stringify(result.issues));
  return result.warnings.map(({ message, path }) => {
    const [, hidden, base] = /among the plain HTTP paths of "(.+?)", at (.+?),/.exec(message) ?? [];
    return `${path.join('.')} hides ${hidden} at ${base}`;
  });
}

test.each([
  ['[{ path: /mcp }, { path: /api }]', ['routes.1.path hides /mcp at /api']],
  ['[{ path: /a/api/tools }, { path: /a }]', ['routes.0.path hides /a at /a/api']],
  ['[{ path: /mcp, rest: false }, { path: /api }]', []],
  ['[{ path: /mcp }, { path: /apis }, { path: /mcp/api }]', []],
])('%s', (routes, expected) => {
  expect(hiddenDoors(routes)).toEqual(expected);
});
