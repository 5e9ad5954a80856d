import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { REPOSITORY } from './programs.ts';

const BEGIN = '<!-- matrix: written by UPDATE_DOCS=1 npx vitest run test/e2e/matrix.test.ts -->';
const END = '<!-- end of matrix -->';

/** What came of every client with every server. */
export class Table {
  readonly #rows: readonly string[];
  readonly #columns: readonly string[];
  readonly #cells = new Map<string, string>();

  constructor(rows: readonly string[], columns: readonly string[]) {
    this.#rows = rows;
    this.#columns = columns;
  }

  /** Runs what a cell stands for and writes down how it went; what it throws is thrown on. */
  async fill(row: string, column: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
      this.#cells.set(keyOf(row, column), '✓');
    } catch (error) {
      this.#cells.set(keyOf(row, column), `✗ ${firstLine(error)}`);
      throw error;
    }
  }

  /** The table in Markdown. */
  toText(): string {
    const head = ['client', ...this.#columns];
    const lines = this.#rows.map((row) => [
      row,
      ...this.#columns.map((column) => this.#cells.get(keyOf(row, column)) ?? '?'),
    ]);
    return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  }

  /** Compares with the table on a page of the repository; with `UPDATE_DOCS=1` writes it there instead. */
  async checkPage(path: string): Promise<void> {
    const file = join(REPOSITORY, path);
    const page = await readFile(file, 'utf8');
    const begin = page.indexOf(BEGIN);
    const end = page.indexOf(END);
    if (begin < 0 || end < begin) throw new Error(`${path} has no place for the table`);
    const wanted = `${page.slice(0, begin)}${BEGIN}\n\n${this.toText()}\n\n${page.slice(end)}`;
    if (process.env['UPDATE_DOCS'] === '1') await writeFile(file, wanted);
    else expect(page, `${path} is stale: run with UPDATE_DOCS=1`).toBe(wanted);
  }
}

function keyOf(row: string, column: string): string {
  return `${row} → ${column}`;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n', 1)[0] ?? '').replaceAll('|', '\\|').slice(0, 120);
}
