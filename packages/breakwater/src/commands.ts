import type { Command } from './cli/command.ts';
import { helpText } from './cli/help.ts';
import { untilSignal } from './until-stopped.ts';
import { VERSION } from './version.ts';

/**
 * Does what the command line asks for; resolves to the exit code once the program has nothing left to do. Each command loads what it needs and nothing
 * of the others: all of them together are twice the start of a gateway.
 */
export async function runCommand(command: Command): Promise<number> {
  switch (command.kind) {
    case 'help':
      process.stdout.write(helpText(command.topic));
      return 0;
    case 'version':
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case 'check':
    case 'print-config': {
      const { runCheck } = await import('./check-command.ts');
      return await runCheck(command);
    }
    case 'audit': {
      const { runAudit } = await import('./audit-command.ts');
      return await runAudit(command.query, process);
    }
    case 'doctor': {
      const { runDoctor } = await import('./doctor/doctor.ts');
      return await runDoctor(command.query, { version: VERSION, out: process.stdout, err: process.stderr });
    }
    case 'record': {
      const { runRecord } = await import('./record-command.ts');
      return await runRecord(command.query, process, untilSignal());
    }
    case 'replay': {
      const { runReplay } = await import('./replay-command.ts');
      return await runReplay(command.query, VERSION, process);
    }
    case 'run':
    case 'demo':
    case 'serve': {
      const { runServe } = await import('./serve-command.ts');
      return await runServe(command);
    }
  }
}
