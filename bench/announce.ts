/** The environment variable by which the runner tells its children to end when it ends. */
export const CHILD_MARK = 'BENCH_CHILD';

/**
 * Prints `listening <url>`, the line the runner waits for. A child of the runner also exits once its standard input closes, so
 * that nothing is left behind even when the runner is killed without a chance to clean up.
 */
export function announce(url: string): void {
  process.stdout.write(`listening ${url}\n`);
  if (process.env[CHILD_MARK] === undefined) return;
  process.stdin.on('end', () => process.exit(0)).resume();
}
