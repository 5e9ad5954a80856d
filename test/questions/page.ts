import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { REPOSITORY } from '../e2e/support/programs.ts';
import { KINDS, type Kind } from './askers/words.ts';
import type { ClientKind } from './clients.ts';
import { ANSWERS } from './play.ts';
import { type Expected, expectedOf } from './rules.ts';
import type { UpstreamKind } from './upstreams.ts';

const PAGE = 'docs/questions.md';
const BEGIN = '<!-- matrix: written by UPDATE_DOCS=1 npx vitest run test/questions/matrix.test.ts -->';
const END = '<!-- end of matrix -->';

const HEADINGS: Readonly<Record<Kind, string>> = {
  form: 'A form (`elicitation/create`)',
  url: 'A page to open (`elicitation/create`, mode `url`)',
  sampling: 'A completion (`sampling/createMessage`)',
  roots: 'The roots (`roots/list`)',
};

/** The name of a cell among those that were played. */
export function cellName(revision: string, upstream: string, kind: string, answer: string): string {
  return [revision, upstream, kind, answer].join(', ');
}

/**
 * Compares the page with what the tests have just shown to be true; with `UPDATE_DOCS=1` writes it. Only a cell that is `shown` gets its mark, every other
 * one a question mark.
 */
export async function checkPage(
  clients: readonly ClientKind[],
  upstreams: readonly UpstreamKind[],
  shown: ReadonlySet<string>,
): Promise<void> {
  const file = join(REPOSITORY, PAGE);
  const page = await readFile(file, 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${PAGE} has no place for the tables`);
  const wanted = `${page.slice(0, begin)}${BEGIN}\n\n${writeTables(clients, upstreams, shown)}\n\n${page.slice(end)}`;
  if (process.env['UPDATE_DOCS'] === '1') await writeFile(file, wanted);
  else expect(page, `${PAGE} is stale: run with UPDATE_DOCS=1`).toBe(wanted);
}

function writeTables(
  clients: readonly ClientKind[],
  upstreams: readonly UpstreamKind[],
  shown: ReadonlySet<string>,
): string {
  const notes: string[] = [];
  const counts = { works: 0, loss: 0, refused: 0 };
  const tables = KINDS.map((kind) => {
    const head = ['client', ...upstreams.map(({ name }) => name)];
    const rows = clients.map(({ name, revision }) => {
      const cells = upstreams.map((upstream) => {
        const marks = ANSWERS.map((answer) => {
          if (!shown.has(cellName(revision, upstream.name, kind, answer))) return '?';
          const outcome = expectedOf(revision, upstream, kind, answer);
          counts[outcome.verdict]++;
          return markOf(outcome, notes);
        });
        return new Set(marks).size === 1 ? `all ${marks[0]}` : marks.join(' ');
      });
      return [name, ...cells];
    });
    const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
    return `### ${HEADINGS[kind]}\n\n${lines.join('\n')}`;
  });
  const { works, loss, refused } = counts;
  const summary = `${works + loss + refused} cells: ${works} work, ${loss} work with a stated loss, ${refused} end with a stated text.`;
  const order = `Each cell holds, in this order: ${ANSWERS.join(', ')}. ✓ works; ~ works with the loss that its number states; ✗ ends with what its number states.`;
  const list = notes.map((note, index) => `${index + 1}. ${note}`).join('\n');
  return [summary, order, ...tables, '### What the numbers mean', list].join('\n\n');
}

function markOf({ verdict, note }: Expected, notes: string[]): string {
  if (verdict === 'works') return '✓';
  const text = note ?? '';
  if (!notes.includes(text)) notes.push(text);
  return `${verdict === 'loss' ? '~' : '✗'}<sup>${notes.indexOf(text) + 1}</sup>`;
}
