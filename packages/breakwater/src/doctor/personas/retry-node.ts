import { list, listedTools, listRest, peekStanding, shakeHands } from '../flows.ts';
import { listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';

/** C03: errs twice, then does everything right. */
export const retryNode: Persona = {
  id: 'retry-node',
  title: 'node, errs twice and starts over',
  group: 'field-notes',
  who: 'A Node client that first asks without a session, then GETs, then starts over by the book.',
  evidence: 'field notes C03, access log; AIP-1 §7.3.4',
  fix: 'Do not ban or slow a client for its first errors; answer GET with 200 or a JSON error.',
  agent: 'node',
  script: async (wire) => {
    const early = await wire.post(listTools());
    wire.remark(early.ok || early.isJson, `A request without a session was answered ${early.describe()}.`);
    const look = await wire.get();
    wire.remark(look.ok || look.isJson, `GET was answered ${look.describe()} (AIP-1 §7.3.4 wants 200).`);
    const { send } = await shakeHands(wire, '2025-06-18');
    await listRest(wire, send);
    const listed = await list(wire, send);
    await peekStanding(wire, send);
    return wire.gotIn(listedTools(listed, 'After two refusals, '), listed);
  },
};
