import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readRecordLine } from '../../packages/breakwater/src/recording/record.ts';
import { findFreePort, REPOSITORY, runProgram } from '../e2e/support/programs.ts';
import { BIN, makeFolder, readExchanges } from './support.ts';

const page = await readFile(join(REPOSITORY, 'docs/recording.md'), 'utf8');
const fences = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, kind, text = '']) => ({ kind, text }));

it('the page’s script does what it says', { timeout: 120_000 }, async () => {
  const script = fences.find(({ kind, text }) => kind === 'sh' && text.includes('demo=$!'))?.text ?? '';
  const [port, listen] = [await findFreePort(), await findFreePort()];
  const ported = script
    .replaceAll(':8808', `:${port}`)
    .replaceAll('--port 8808', `--port ${port}`)
    .replaceAll(':8810', `:${listen}`)
    .replace('breakwater record', `breakwater record --listen 127.0.0.1:${listen}`);
  // `exec`, so that $! is the program and not a shell around it.
  const program = `'${process.execPath}' '${join(REPOSITORY, BIN)}'`;
  const runnable = `set -e\nbreakwater() { ${program} "$@"; }\n${ported.replaceAll(/^breakwater (demo|record)/gm, `${program} $1`)}`;
  await using folder = await makeFolder();
  const { code, stdout, stderr } = await runProgram('bash', ['-c', runnable], { cwd: folder.at('.') });
  expect({ code, stderr: stderr.replaceAll(/^(\{.*|.*INFO.*)\n/gm, '') }).toMatchObject({ code: 0 });
  expect(stdout).toContain('Grade A  2 in, 0 told, 0 stuck');
  expect(stdout).toMatch(/Same {2}\d+ same, 0 differ, 0 skipped/);
  expect(readExchanges(folder.at('recording.ndjson')).length).toBeGreaterThan(8);
});

it('the page’s example is a record', () => {
  const example = fences.find(({ kind }) => kind === 'json')?.text ?? '';
  expect(readRecordLine(JSON.stringify(JSON.parse(example)))).toMatchObject({ ok: true });
});
