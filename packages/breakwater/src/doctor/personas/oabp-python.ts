import { readDocuments } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C45: the published REST client libraries. */
export const oabpPython: Persona = {
  id: 'oabp-python',
  title: 'oabp-python and the feed listener',
  group: 'later',
  who: 'Published client libraries of a bounty board: a manifest first, then REST lists and an RSS feed. Submissions are not played.',
  evidence: 'field notes C45, source; AIP-1 §9',
  fix: 'Serve the manifest, or answer with JSON that names the MCP endpoint.',
  agent: 'oabp-python-discover/0.1',
  ignoresHeaders: true,
  script: async (wire) => {
    const paths = ['/.well-known/oabp.json', '/missions?status=open&limit=20', '/missions/feed.xml'];
    const { used } = await readDocuments(
      wire,
      paths,
      ({ text }) => /^\s*[[{<]/.test(text),
      'a manifest, list or feed is served',
    );
    return wire.gotIn('A manifest, list or feed was served.', used[0]);
  },
};
