import { list, listedTools, open } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C10: two edges of one network in the same second. */
export const edgeFanOut: Persona = {
  id: 'edge-fan-out',
  title: 'Cloudflare fan-out',
  group: 'field-notes',
  who: 'Two edge workers of one client, from two addresses in the same second, each with a session of its own.',
  evidence: 'field notes C10, access log',
  fix: 'Give concurrent initializes ids of their own, do not lock per address, and answer unknown paths with 404, never 5xx.',
  script: async (wire) => {
    const [left, right] = await Promise.all([open(wire, '2025-06-18'), open(wire, '2025-06-18')]);
    const ids = [left.answer.sessionId, right.answer.sessionId];
    wire.need(right.answer, ids[0] === undefined || ids[0] !== ids[1], 'both sessions have ids of their own');
    const [one, two] = await Promise.all([list(wire, left.send), list(wire, right.send)]);
    wire.need(two, JSON.stringify(one.result) === JSON.stringify(two.result), 'both see the same tools');
    const stray = await wire.post({}, { path: '/firewall' });
    wire.remark(stray.status < 500, `POST /firewall was answered ${stray.describe()}.`);
    return wire.gotIn(listedTools(two, 'In two sessions at once, '), two);
  },
};
