/**
 * The load generator process. The runner starts it once, pinned beside the upstream, and sends it one command at a time over IPC.
 * Alone: `node bench/load.ts <load> <url> [seconds] [contender-pid]` prints one window as JSON.
 */
import type { LoadCommand, LoadResult, MeasureCommand } from './load-commands.ts';
import { measureLoad } from './measure.ts';
import { measurePairs } from './pair.ts';

function serveRunner(): void {
  process.on('message', (command: LoadCommand) => {
    runCommand(command).then(
      (result) => process.send?.(result),
      (error: unknown) => process.send?.({ kind: 'failed', reason: String(error) } satisfies LoadResult),
    );
  });
  process.on('disconnect', () => process.exit(0));
}

function runCommand(command: LoadCommand): Promise<LoadResult> {
  return command.kind === 'measure' ? measureLoad(command) : measurePairs(command);
}

function readArguments(): MeasureCommand {
  const [, , load, url, seconds = '3', pid = '0'] = process.argv;
  if (load === undefined || url === undefined) {
    throw new TypeError('usage: node bench/load.ts <load> <url> [seconds] [contender-pid]');
  }
  const windowMs = Number(seconds) * 1000;
  const contenderPid = Number(pid);
  return { kind: 'measure', load, url, warmupMs: 1000, windowMs, contenderPid, upstreamPid: 0, core: 0 };
}

if (process.send) serveRunner();
else process.stdout.write(`${JSON.stringify(await measureLoad(readArguments()), null, 2)}\n`);
