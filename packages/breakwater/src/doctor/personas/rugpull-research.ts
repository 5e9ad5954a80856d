import { list, listedTools, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C21: watches tool lists for changes. */
export const rugpullResearch: Persona = {
  id: 'rugpull-research',
  title: 'mcp-rugpull-research/1.0',
  group: 'later',
  who: 'A research project that watches tool descriptions for later changes. It rotates addresses under one User-Agent.',
  evidence: 'field notes C21, access log; AIP-1 §7.5.2',
  fix: 'Do not treat clients by User-Agent or address.',
  agent: 'mcp-rugpull-research/1.0',
  script: async (wire) => {
    const { send } = await shakeHands(wire, '2025-03-26');
    const listed = await list(wire, send);
    return wire.gotIn(listedTools(listed), listed);
  },
};
