import { list, listedTools, peekStanding, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** X4: the stream races the list. */
export const prsmGraph: Persona = {
  id: 'prsm-graph',
  title: 'PRSM-MCP-Graph/1.0',
  group: 'elsewhere',
  who: 'Opens the session’s stream and lists tools at the same moment, all within 130 ms.',
  evidence: 'field notes X4, telemetry',
  fix: 'Let a session’s stream and its requests run side by side.',
  agent: 'PRSM-MCP-Graph/1.0',
  script: async (wire) => {
    const { send } = await shakeHands(wire, '2025-06-18');
    const [, listed] = await Promise.all([peekStanding(wire, send), list(wire, send)]);
    return wire.gotIn(listedTools(listed, 'Beside an opening stream, '), listed);
  },
};
