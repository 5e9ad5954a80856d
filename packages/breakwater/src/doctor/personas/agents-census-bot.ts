import type { Persona } from '../persona.ts';

/** X7: an empty body to an A2A address. */
export const agentsCensusBot: Persona = {
  id: 'agents-census-bot',
  title: 'AgentsCensusBot/0.1',
  group: 'elsewhere',
  who: 'An hourly empty POST to an A2A address; whoever answers nothing useful loses the listing.',
  evidence: 'field notes X7, an operator’s report',
  fix: 'Serve A2A at /api/a2a, or answer it with JSON that names the MCP endpoint.',
  agent: 'AgentsCensusBot/0.1',
  ignoresHeaders: true,
  script: async (wire) => {
    const answer = await wire.send({ method: 'POST', path: '/api/a2a', accept: '*/*' });
    wire.need(answer, answer.ok, 'an empty POST is answered with a summary');
    return wire.gotIn('A summary was served.', answer);
  },
};
