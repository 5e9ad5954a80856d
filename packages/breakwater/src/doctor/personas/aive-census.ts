import { modernRequest } from '../messages.ts';
import type { Persona } from '../persona.ts';

/** X2: one modern request. */
export const aiveCensus: Persona = {
  id: 'aive-census',
  title: 'AIVE-MCP-Discover/1.0',
  group: 'elsewhere',
  who: 'A census of eleven thousand endpoints with a single server/discover of 2026-07-28 each.',
  evidence: 'field notes X2, source; MCP 2026-07-28 server/discover',
  fix: 'Serve server/discover, or refuse with -32022 and data.supported.',
  agent: 'AIVE-MCP-Discover/1.0',
  readsRevisions: true,
  script: async (wire) => {
    const headers = [['Mcp-Method', 'server/discover']] as const;
    const answer = await wire.post(modernRequest(1, 'server/discover', {}, 'AIVE-MCP-Discover'), {
      version: '2026-07-28',
      headers,
    });
    const versions = answer.result?.['supportedVersions'];
    const named =
      answer.status === 400 ? /supported versions?: ([\d, -]+)/i.exec(answer.error?.message ?? '')?.[1] : undefined;
    // The one client known to read the sentence itself.
    if (named !== undefined)
      return {
        outcome: 'told',
        reason: `Refused with 400 naming the revisions served (${named.trim()}).`,
        decidedBy: answer.n,
      };
    wire.need(answer, Array.isArray(versions), 'server/discover is answered with supportedVersions');
    return wire.gotIn(`server/discover named ${Array.isArray(versions) ? versions.join(', ') : ''}.`, answer);
  },
};
