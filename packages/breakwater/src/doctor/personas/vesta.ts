import { open } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C13: initialize and gone. */
export const vesta: Persona = {
  id: 'vesta',
  title: 'vesta-inventory-ping/0.1',
  group: 'later',
  who: 'An inventory that initializes and leaves.',
  evidence: 'field notes C13, access log; AIP-1 §7.3.1',
  fix: 'Answer initialize; let the abandoned session expire by itself.',
  agent: 'vesta-inventory-ping/0.1 (+https://datafenix.ai/vesta)',
  script: async (wire) => {
    const { answer } = await open(wire, '2025-06-18');
    return wire.gotIn('initialize was answered.', answer);
  },
};
