import { callSafely, end, list, listedTools, listRest, shakeHands } from './flows.ts';
import { request } from './messages.ts';
import type { Persona } from './persona.ts';

/** A sessionful client by the book: the revisions of 2025 differ for it in nothing but their name. */
export function byTheBook(revision: '2025-03-26' | '2025-06-18' | '2025-11-25'): Persona {
  return {
    id: `spec-${revision}`,
    title: `A client of ${revision}`,
    group: 'well-behaved',
    who: 'Speaks Streamable HTTP as the revision says: handshake, ping, lists, a call, DELETE.',
    evidence: `MCP ${revision}, lifecycle and transports`,
    fix: 'Speak this revision, or negotiate down in the answer to initialize.',
    agent: 'spec-client/1.0.0',
    script: async (wire) => {
      const { answer, send } = await shakeHands(wire, revision);
      const negotiated = answer.result?.['protocolVersion'];
      wire.remark(negotiated === revision, `Negotiated ${String(negotiated)} instead of ${revision}.`);
      const pong = await wire.post(request(9, 'ping'), send);
      wire.need(pong, pong.result !== undefined, 'ping is answered with a result');
      const listed = await list(wire, send);
      await listRest(wire, send);
      const called = await callSafely(wire, listed, send);
      await end(wire, send);
      return wire.gotIn(listedTools(listed, called === undefined ? '' : 'A tool was called; '), called ?? listed);
    },
  };
}
