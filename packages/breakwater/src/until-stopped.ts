import type { Logger } from 'pino';

/** Resolves with the first signal that ends the program; a second one, from somebody in a hurry, ends the process at once. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals): void => {
      for (const each of ['SIGINT', 'SIGTERM'] as const) {
        process.off(each, stop);
        process.once(each, () => process.exit(130));
      }
      resolve(signal);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}

/** Resolves when the gateway is to drain and stop. */
export async function untilStopped(log: Logger): Promise<void> {
  const signal = await untilSignal();
  log.info({ signal }, 'stopping; requests may finish');
}
