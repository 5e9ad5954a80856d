import { parseArgs } from './cli/args.ts';
import { runCommand } from './commands.ts';

const parsed = parseArgs(process.argv.slice(2), process.env);
if (parsed.ok) process.exitCode = await runCommand(parsed.command);
else {
  process.stderr.write(`breakwater: ${parsed.message}\n${parsed.hint}\n`);
  process.exitCode = 2;
}
