import { initialize, listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { postBytes } from '../post-bytes.ts';
import { watch } from '../siege.ts';

const REQUESTS = 60;
const DEAF_MS = 1_000;

/** Asks much and reads nothing. */
export const slowReader: Persona = {
  id: 'slow-reader',
  title: 'A reader that never reads',
  group: 'hostile',
  who: 'Sends sixty requests on one connection and reads none of the answers, while another client wants to be served.',
  evidence: 'Slow-read denial of service (slowhttptest)',
  fix: 'Bound what waits unread per connection, and cut a reader that does not read.',
  script: async (wire) => {
    const { sessionId } = await wire.post(initialize('2025-06-18'));
    const stillServes = await watch(wire);
    const chunk = postBytes(
      wire,
      JSON.stringify(listTools()),
      sessionId === undefined ? [] : [['Mcp-Session-Id', sessionId]],
    );
    const deaf = wire.raw({
      label: 'POST ×60, unread',
      shown: chunk,
      chunks: Array.from({ length: REQUESTS }, () => chunk),
      deaf: true,
      waitMs: DEAF_MS,
    });
    await stillServes();
    const { n } = await deaf;
    await stillServes();
    return wire.gotIn('The next client was served while sixty answers lay unread.', { n });
  },
};
