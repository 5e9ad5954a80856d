import type { Clock } from './core/ports.ts';

/** What a node that leaves its fleet still has to give and to take. */
export interface Unsettled {
  readonly clock: Clock;
  /** Longest that is waited for those who are away. */
  readonly limitMs: number;
  /** Resolves when every answer that is owed now is given. */
  readonly answered: () => Promise<unknown>;
  /** True while a client is away that has to come back here. */
  readonly isAwaited: () => boolean;
}

/** How often it is looked at whether somebody still has to come back. */
const POLL_MS = 100;

/**
 * Resolves when nobody waits for an answer and nobody has to come back. Both are looked at by turns: who comes back is owed an answer, and may be sent away
 * with the next question.
 */
export async function untilSettled({ clock, limitMs, answered, isAwaited }: Unsettled): Promise<void> {
  const limit = clock.now() + limitMs;
  await answered();
  while (isAwaited() && clock.now() < limit) {
    await new Promise<void>((resolve) => {
      clock.after(POLL_MS, resolve);
    });
    await answered();
  }
}
