import type { Persona } from '../persona.ts';

/** C36: empty posts under an empty name. */
export const emptyAgent: Persona = {
  id: 'empty-agent',
  title: 'Empty posts, empty User-Agent',
  group: 'later',
  who: 'A scanner that posts nothing four times under an empty User-Agent and then asks for robots.txt, sitemap and security.txt.',
  evidence: 'field notes C36, access log; AIP-1 §7.2.1',
  fix: 'Answer an empty POST with 400 JSON that says what to send.',
  agent: '',
  ignoresHeaders: true,
  script: async (wire) => {
    for (let count = 0; count < 3; count += 1) await wire.send({ method: 'POST', accept: '*/*' });
    for (const path of ['/robots.txt', '/sitemap.xml', '/.well-known/security.txt']) await wire.get(path);
    const answer = await wire.send({ method: 'POST', accept: '*/*' });
    wire.need(answer, answer.ok, 'an empty POST is answered with something');
    return wire.gotIn('An empty POST was taken.', answer);
  },
};
