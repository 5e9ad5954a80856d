import { callSafely, end, list, listedTools, listRest, shakeHands } from '../flows.ts';
import { request } from '../messages.ts';
import type { Persona } from '../persona.ts';

const REVISION = '2025-11-25';

/** A client of 2025-11-25 by the book. */
export const spec20251125: Persona = {
  id: 'spec-2025-11-25',
  title: 'A client of 2025-11-25',
  group: 'well-behaved',
  who: 'Speaks Streamable HTTP as the revision says: handshake, ping, lists, a call, DELETE.',
  evidence: 'MCP 2025-11-25, lifecycle and transports',
  fix: 'Speak this revision, or negotiate down in the answer to initialize.',
  agent: 'spec-client/1.0.0',
  script: async (wire) => {
    const { answer, send } = await shakeHands(wire, REVISION);
    const negotiated = answer.result?.['protocolVersion'];
    wire.remark(negotiated === REVISION, `Negotiated ${String(negotiated)} instead of ${REVISION}.`);
    const pong = await wire.post(request(9, 'ping'), send);
    wire.need(pong, pong.result !== undefined, 'ping is answered with a result');
    const listed = await list(wire, send);
    await listRest(wire, send);
    const called = await callSafely(wire, listed, send);
    await end(wire, send);
    return wire.gotIn(listedTools(listed, called === undefined ? '' : 'A tool was called; '), called ?? listed);
  },
};
