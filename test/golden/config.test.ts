import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { printConfig } from '../../packages/breakwater/src/config/effective.ts';
import { formatIssues } from '../../packages/breakwater/src/config/issue.ts';
import { parseConfig } from '../../packages/breakwater/src/config/load.ts';

/**
 * Golden files of the configuration: the file's text, a line of ten dashes, and what the gateway says to it: its issues, or its warnings (as
 * comments) and the effective configuration. `UPDATE_GOLDEN=1` rewrites what follows the dashes; read the diff before committing it.
 */
const FOLDER = join(import.meta.dirname, 'config');
const SEPARATOR = '----------\n';

function answer(text: string): string {
  const result = parseConfig(text);
  if (!result.ok) return `${formatIssues(result.issues, 'config')}\n`;
  const warnings = result.warnings.map((warning) => `# ${formatIssues([warning], 'config')}\n`);
  return warnings.join('') + printConfig(result.config);
}

function inputOf(golden: string): string {
  const at = golden.indexOf(SEPARATOR);
  return at < 0 ? golden : golden.slice(0, at);
}

describe('configuration', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.golden'));
  it.each(files)('%s', (file) => {
    const path = join(FOLDER, file);
    const golden = readFileSync(path, 'utf8');
    const input = inputOf(golden);
    const whole = input + SEPARATOR + answer(input);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, whole);
    else expect(whole).toBe(golden);
  });

  // What print-config shows is a configuration itself, and means the same.
  it.each(files)('prints %s so that it can be read again', (file) => {
    const result = parseConfig(inputOf(readFileSync(join(FOLDER, file), 'utf8')));
    if (!result.ok) return;
    const printed = printConfig(result.config);
    // A hidden credential is a literal where a reference must stand; any reference does for this purpose.
    const again = parseConfig(printed.replaceAll(/^( +)([\w-]+): "?\[redacted\]"?$/gm, '$1$2: { env: HIDDEN }'));
    if (!again.ok) throw new Error(formatIssues(again.issues));
    expect(printConfig(again.config)).toBe(
      printed.replaceAll(/^( +)([\w-]+): "?\[redacted\]"?$/gm, '$1$2:\n$1  env: HIDDEN'),
    );
  });

  it('accepts every configuration shown in the reference', () => {
    const reference = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
    const examples = [...reference.matchAll(/^```ya?ml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => parseConfig(text));
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(example).toMatchObject({ ok: true, warnings: [] });
  });
});
