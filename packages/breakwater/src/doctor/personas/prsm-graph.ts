import { list, listedTools, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';
import { SSE } from '../wire.ts';

/** X4: the stream races the list. */
export const prsmGraph: Persona = {
  id: 'prsm-graph',
  title: 'PRSM-MCP-Graph/1.0',
  group: 'elsewhere',
  who: 'Opens the session’s stream and lists tools at the same moment, all within 130 ms.',
  evidence: 'clients.md X4, telemetry',
  fix: 'Let a session’s stream and its requests run side by side.',
  agent: 'PRSM-MCP-Graph/1.0',
  script: async (wire) => {
    const { send } = await shakeHands(wire, '2025-06-18');
    const [stream, listed] = await Promise.all([wire.send({ ...send, method: 'GET', accept: SSE }), list(wire, send)]);
    wire.remark(stream.ok || stream.status === 405, `The session's stream was refused: ${stream.describe()}.`);
    return wire.gotIn(listedTools(listed, 'Beside an opening stream, '), listed);
  },
};
