import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { REQUIREMENTS } from './manifest.ts';

const HERE = new URL('./', import.meta.url);
const PAGE = new URL('../../docs/requirements.md', import.meta.url);
const CITATION = /\b(verifies|knownFailure)\(\s*\[([^\]]*)\]/g;

interface Citation {
  readonly id: string;
  readonly file: string;
  readonly known: boolean;
}

/** Read out of the sources, so that it holds whichever files were run. */
function readCitations(): Citation[] {
  const files = readdirSync(HERE)
    .filter((name) => name.endsWith('.test.ts') && name !== 'coverage.test.ts')
    .sort();
  return files.flatMap((file) =>
    [...readFileSync(new URL(file, HERE), 'utf8').matchAll(CITATION)].flatMap(([, kind, list = '']) =>
      [...list.matchAll(/'([^']+)'/g)].map(([, id = '']) => ({ id, file, known: kind === 'knownFailure' })),
    ),
  );
}

function renderPage(citations: readonly Citation[]): string {
  const rows = REQUIREMENTS.map(({ id, level, side, transport, revisions, text, source }) => {
    const cited = citations.filter((citation) => citation.id === id);
    const files = [...new Set(cited.map(({ file, known }) => `\`${file}\`${known ? ' (known failure)' : ''}`))];
    const where = `${revisions[0]}${revisions.length > 1 ? ` – ${revisions.at(-1)}` : ''}`;
    const link = source.startsWith('https:') ? `[spec](${source})` : `[design](${fromDocs(source)})`;
    return `| \`${id}\` | ${level} | ${side} | ${transport} | ${where} | ${text} | ${link} | ${files.join(', ')} |`;
  });
  const tested = new Set(citations.map(({ id }) => id));
  const failing = new Set(citations.filter(({ known }) => known).map(({ id }) => id));
  return [
    '# Requirements',
    '',
    'Lines of the MCP specification that concern a gateway, in our own words, and lines of our own; each is verified by the tests named beside it,',
    'against the real gateway with real servers and clients. Generated from `test/requirements/manifest.ts` and the citations in',
    '`test/requirements/*.test.ts` by `UPDATE_DOCS=1 npx vitest run test/requirements/coverage.test.ts`.',
    '',
    `${REQUIREMENTS.length} lines, ${tested.size} verified, ${failing.size} of them with a known failure.`,
    '',
    '| id | level | side | transport | revisions | what | source | test |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function fromDocs(path: string): string {
  return path.startsWith('docs/') ? path.slice('docs/'.length) : `../${path}`;
}

describe('the requirements manifest', () => {
  const citations = readCitations();
  const ids = REQUIREMENTS.map(({ id }) => id);

  it('names each line once, and whence it comes', () => {
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    for (const { id, text, source } of REQUIREMENTS) {
      expect(id).toMatch(/^[a-z0-9]+(\.[a-z0-9-]+)+$/);
      expect(text).toMatch(/\.$/);
      expect(source).toMatch(
        /^(https:\/\/modelcontextprotocol\.io\/specification\/\d{4}-\d{2}-\d{2}\/|docs\/|CONTRIBUTING)/,
      );
    }
  });

  it('is verified line by line', () => {
    const cited = new Set(citations.map(({ id }) => id));
    expect(ids.filter((id) => !cited.has(id))).toEqual([]);
  });

  it('has every line that tests cite', () => {
    expect(citations.filter(({ id }) => !ids.includes(id))).toEqual([]);
  });

  it('is shown in docs/requirements.md', () => {
    const page = renderPage(citations);
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, page);
    expect(readFileSync(PAGE, 'utf8')).toBe(page);
  });
});
