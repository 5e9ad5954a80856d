import { readDocuments } from '../flows.ts';
import type { Persona } from '../persona.ts';

const PATHS = [
  '/.well-known/agent-card.json',
  '/agent/.well-known/agent-card.json',
  '/a2a/.well-known/agent-card.json',
  '/agent/.well-known/agent.json',
  '/a2a/.well-known/agent.json',
];

/** C34: wants an agent card, every hour. */
export const waggle: Persona = {
  id: 'waggle',
  title: 'Waggle/1.0 and other A2A registries',
  group: 'later',
  who: 'Registries of A2A agents (Waggle, agent-exchange, Red Sift): they want an agent card and sweep its possible places every hour.',
  evidence: 'field notes C34, C35, access log; AIP-1 §9.3',
  fix: 'Serve /.well-known/agent-card.json, or answer its paths with JSON that names the MCP endpoint.',
  agent: 'Waggle/1.0 (+https://waggle.zone)',
  ignoresHeaders: true,
  script: async (wire) => {
    const { used } = await readDocuments(
      wire,
      PATHS,
      ({ isJson, json }) => isJson && typeof json?.['name'] === 'string',
      'an agent card is served',
    );
    return wire.gotIn('An agent card was served.', used[0]);
  },
};
