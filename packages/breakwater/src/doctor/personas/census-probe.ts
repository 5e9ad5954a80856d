import { list, listedTools, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';

const ID = '3f0c8a52-8b1e-4c56-9d0e-6a2c1b7f9e11';

/** C18: long string ids and capabilities nobody knows. */
export const censusProbe: Persona = {
  id: 'census-probe',
  title: 'CensusMCPProbe/0.1',
  group: 'later',
  who: 'A census with UUIDs as JSON-RPC ids and experimental capabilities; sessions are never ended.',
  evidence: 'field notes C18, access log; JSON-RPC 2.0 §4',
  fix: 'Echo string ids as they are and ignore capabilities you do not know.',
  agent: 'CensusMCPProbe/0.1 (+https://census.dios.local/about)',
  script: async (wire) => {
    const capabilities = { experimental: { 'census/probe': { depth: 1 } } };
    const { send } = await shakeHands(wire, '2025-06-18', { id: ID, client: 'CensusMCPProbe/0.1', capabilities });
    const listed = await list(wire, send, ID);
    return wire.gotIn(listedTools(listed, 'With a UUID as id, '), listed);
  },
};
