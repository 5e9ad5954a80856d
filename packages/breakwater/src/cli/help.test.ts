import { describe, expect, it } from 'vitest';
import { parseArgs } from './args.ts';
import { COMMAND_NAMES } from './command.ts';
import { FLAGS } from './flags.ts';
import { helpText } from './help.ts';

describe('helpText', () => {
  it('tells of every command and every flag', () => {
    for (const name of COMMAND_NAMES) expect(helpText()).toContain(`breakwater ${name}`);
    for (const flag of Object.keys(FLAGS)) expect(helpText()).toContain(`--${flag}`);
  });

  it.each([undefined, ...COMMAND_NAMES])('fits a terminal (%s)', (topic) => {
    for (const line of helpText(topic).split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('shows only flags that the command takes', () => {
    for (const name of COMMAND_NAMES) {
      for (const [, flag = ''] of helpText(name).matchAll(/^ +(?:-\w, )?--([a-z-]+) </gm)) {
        const result = parseArgs([name, `--${flag}=1`]);
        expect(result.ok ? '' : result.message).not.toMatch(/does not go with|unknown flag/);
      }
    }
  });
});
