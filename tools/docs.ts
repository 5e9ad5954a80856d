/** `npm run docs`: writes the pages that are generated from tables in the source; `--check` fails when one is stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACCOMMODATIONS } from '../packages/breakwater/src/downstream/accommodations.ts';

const page = join(import.meta.dirname, '../docs/accommodations.md');
const rows = ACCOMMODATIONS.map(
  ({ id, title, evidence, default: on }) => `| \`${id}\` | ${title} | ${evidence} | ${on ? 'on' : 'off'} |`,
);
const text = `<!-- Written by tools/docs.ts from packages/breakwater/src/downstream/accommodations.ts. Do not edit: run \`npm run docs\`. -->

# Accommodations

Clients in the wild break the specification in known ways. Each tolerance has a name, the evidence for it, a switch, and a counter that counts the
exchanges which succeeded only because of it (\`counters().accommodations\`). Modern clients (2026-07-28) get none: for them, headers and body must agree.

\`\`\`yaml
upstreams:
  files: { command: npx, args: [-y, "@modelcontextprotocol/server-filesystem", /srv/files] }
routes:
  - path: /mcp
    accommodations: { content-type-missing: false }
\`\`\`

| id | what is tolerated | who needs it | default |
| --- | --- | --- | --- |
${rows.join('\n')}

What stays refused: bodies announced as \`text/plain\` or as a form. Any web page can send those to any address without asking.
`;

if (!process.argv.includes('--check')) writeFileSync(page, text);
else if (readFileSync(page, 'utf8') !== text) {
  process.stderr.write('docs/accommodations.md is stale; run npm run docs\n');
  process.exitCode = 1;
}
