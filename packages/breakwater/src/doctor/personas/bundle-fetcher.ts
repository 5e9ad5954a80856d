import { readDocuments } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C38: fetches specification bundles. */
export const bundleFetcher: Persona = {
  id: 'bundle-fetcher',
  title: 'Go-http-client, specification bundles',
  group: 'later',
  who: 'Tools that HEAD and GET specification archives a bounty board publishes.',
  evidence: 'field notes C38, access log; AIP-1 §9.2',
  fix: 'Answer unknown files with 404 JSON that says what this server is.',
  agent: 'Go-http-client/1.1',
  script: async (wire) => {
    for (const path of ['/specs/AIP-1.zip', '/specs.zip']) await wire.send({ method: 'HEAD', path, accept: null });
    const { used } = await readDocuments(
      wire,
      ['/specs/AIP-1.zip', '/specs.zip'],
      (answer) => answer.header('content-type') === 'application/zip',
      'an archive is served',
    );
    return wire.gotIn('An archive was served.', used[0]);
  },
};
