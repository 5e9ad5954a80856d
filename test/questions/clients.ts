import { connectSse, connectV1Http, connectV2Http } from './legacy-player.ts';
import { connectModern } from './modern-player.ts';
import type { Player } from './play.ts';

/** A row of the matrix. */
export interface ClientKind {
  readonly revision: string;
  /** What it is made of. */
  readonly name: string;
  connect(url: string, principal: string): Promise<Player>;
}

/** The rows of the matrix. */
export const CLIENTS: readonly ClientKind[] = [
  { revision: '2024-11-05', name: '2024-11-05 (SDK v1, HTTP+SSE)', connect: at('2024-11-05', connectSse) },
  { revision: '2025-03-26', name: '2025-03-26 (SDK v1)', connect: at('2025-03-26', connectV1Http) },
  { revision: '2025-06-18', name: '2025-06-18 (SDK v2)', connect: at('2025-06-18', connectV2Http) },
  { revision: '2025-11-25', name: '2025-11-25 (SDK v1)', connect: at('2025-11-25', connectV1Http) },
  { revision: '2026-07-28', name: '2026-07-28 (SDK v2)', connect: connectModern },
];

function at(
  revision: string,
  connect: (url: string, principal: string, revision: string) => Promise<Player>,
): ClientKind['connect'] {
  return (url, principal) => connect(url, principal, revision);
}
