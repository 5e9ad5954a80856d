import { list, listedTools, openStanding, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C24: a client that keeps the standing stream. */
export const eventNode: Persona = {
  id: 'event-node',
  title: 'node with a standing stream',
  group: 'later',
  who: 'The official TypeScript client: handshake, list, and a standing stream for what the server has to say.',
  evidence: 'field notes C24, access log; MCP 2025-06-18 transports',
  fix: 'Serve the session’s GET stream, or refuse it with 405, which this client takes as “none”.',
  agent: 'node',
  script: async (wire) => {
    const { send } = await shakeHands(wire, '2025-06-18', { client: 'event-node/1.0.0' });
    const stream = await openStanding(wire, send);
    const listed = await list(wire, send);
    if (stream !== undefined) wire.need(stream.answer, !(await stream.ends(50)), 'the stream stays open');
    return wire.gotIn(listedTools(listed, stream === undefined ? '' : 'A stream stands; '), listed);
  },
};
