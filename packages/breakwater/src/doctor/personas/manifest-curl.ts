import { readDocuments } from '../flows.ts';
import type { Persona } from '../persona.ts';

const PATHS = ['/.well-known/agent-bounty.json', '/.well-known/oabp.json', '/', '/api/missions', '/missions'];

/** C37: a person with curl looks for a manifest. */
export const manifestCurl: Persona = {
  id: 'manifest-curl',
  title: 'curl/8.7.1, looking for a manifest',
  group: 'later',
  who: 'A person with curl who looks for a manifest, then for the lists it would name.',
  evidence: 'field notes C37, access log; AIP-1 §9',
  fix: 'Serve a manifest or a root document, or say in every 404 where the endpoint is.',
  agent: 'curl/8.7.1',
  script: async (wire) => {
    const { used } = await readDocuments(wire, PATHS, ({ text }) => text !== '', 'a manifest or a list is served');
    return wire.gotIn('A document was served.', used[0]);
  },
};
