import { callSafely, end, list, listedTools, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** X5: a lifecycle, a call, and HEAD for uptime. */
export const scoringEngine: Persona = {
  id: 'scoring-engine',
  title: 'MCPScoringEngine/1.0',
  group: 'elsewhere',
  who: 'A scorer: whole lifecycle with a call, and HEAD on the endpoint as its measure of uptime.',
  evidence: 'field notes X5, telemetry',
  fix: 'Answer HEAD with 200; to this client 405 is downtime.',
  agent: 'MCPScoringEngine/1.0',
  script: async (wire) => {
    const { send } = await shakeHands(wire, '2025-06-18');
    const listed = await list(wire, send);
    const called = await callSafely(wire, listed, send);
    await end(wire, send);
    const head = await wire.send({ method: 'HEAD', accept: '*/*' });
    wire.need(head, head.ok, 'HEAD is answered 200');
    return wire.gotIn(listedTools(listed, `Up by HEAD; ${called === undefined ? '' : 'a tool was called; '}`), head);
  },
};
