import { readDocuments } from '../flows.ts';
import type { Persona } from '../persona.ts';

const PATHS = [
  '/api/missions/open',
  '/api/missions?limit=30',
  '/api/v1/agents/me/balance',
  '/api/submissions?agent_id=me',
  '/missions/active?limit=20',
];

/** C40: polls for paid work. */
export const economicAgents: Persona = {
  id: 'economic-agents',
  title: 'lobsterai-agent, stark-orchestrator',
  group: 'later',
  who: 'Agents that poll for paid work over REST every minute and guess balances. Joining and submitting are not played.',
  evidence: 'field notes C40, access log; AIP-1 §8',
  fix: 'Serve the lists as JSON, or answer with JSON that names the MCP endpoint; an HTML or bare 404 is polled again in a minute.',
  agent: 'lobsterai-agent/1.0',
  ignoresHeaders: true,
  script: async (wire) => {
    const { used } = await readDocuments(wire, PATHS, ({ text }) => /^\s*[[{]/.test(text), 'a list is served as JSON');
    return wire.gotIn('A list was served as JSON.', used[0]);
  },
};
