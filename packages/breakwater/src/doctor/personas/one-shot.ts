import { open } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C26: one request and no more. */
export const oneShot: Persona = {
  id: 'one-shot',
  title: 'Ruby, aiohttp and other one-shots',
  group: 'later',
  who: 'Clients seen once: a GET of the root, or a single initialize with whatever headers their library sends.',
  evidence: 'field notes C25, C26, access log; headers inferred (§A.4.3)',
  fix: 'Answer initialize whatever Accept says; a wildcard and a missing header are enough.',
  agent: 'Ruby',
  script: async (wire) => {
    const root = await wire.get('/');
    wire.remark(root.ok || root.isJson, `GET / was answered ${root.describe()}.`);
    await open(wire, '2025-03-26', {}, { accept: '*/*;q=0.8' });
    const { answer } = await open(wire, '2025-03-26', {}, { accept: null });
    return wire.gotIn('initialize was answered without an Accept header.', answer);
  },
};
