import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Header, openDialogue } from './dialogue.ts';

/**
 * Golden dialogues of the question machines. A header line (`<machine> key=value …`) opens a machine, `> ` is an event, `< ` an effect, `= ` the phase
 * it is in then, `# ` a remark. A file may hold several dialogues, an empty line apart. `UPDATE_GOLDEN=1` rewrites effects and phases;
 * read the diff against `packages/breakwater/src/protocol/bridge/questions/README.md` before committing it.
 */
function replay(text: string): string {
  return text.trim().split('\n\n').map(replayOne).join('\n\n');
}

function replayOne(dialogue: string): string {
  const [first = '', ...lines] = dialogue.split('\n');
  const speak = openDialogue(readHeader(first));
  const out = [first];
  for (const line of lines) {
    if (line.startsWith('#')) out.push(line);
    if (!line.startsWith('> ')) continue;
    out.push(line, ...speak(line.slice(2)).map((said) => (said.startsWith('= ') ? said : `< ${said}`)));
  }
  return out.join('\n');
}

function readHeader(line: string): Header {
  const [what = '', ...pairs] = line.split(' ');
  const entries = pairs.map((pair) => pair.split('=') as [string, string]);
  return { what, ...Object.fromEntries(entries) };
}

describe('the golden dialogues', () => {
  for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.golden'))) {
    it(file.slice(0, -'.golden'.length), () => {
      const path = join(import.meta.dirname, file);
      const text = readFileSync(path, 'utf8');
      const replayed = `${replay(text)}\n`;
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, replayed);
      else expect(replayed).toBe(text);
    });
  }
});
