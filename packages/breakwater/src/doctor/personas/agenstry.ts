import { listedTools } from '../flows.ts';
import { listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { lessonOf } from '../teaching.ts';

const PATHS = [
  '/.well-known/agent-card.json',
  '/.well-known/agent.json',
  '/.well-known/agents.json',
  '/.well-known/mcp.json',
  '/.well-known/mcp/server-card.json',
  '/agent-card.json',
  '/agents.txt',
  '/mcp.json',
  '/llms.txt',
  '/robots.txt',
  '/sitemap.xml',
];

/** C15: reads every document there may be, then posts what is no initialize. */
export const agenstry: Persona = {
  id: 'agenstry',
  title: 'AgenstryBot/0.3.0',
  group: 'later',
  who: 'A directory that probes two dozen document paths and posts a request that is no initialize, to see what the error says.',
  evidence: 'field notes C15, access log; AIP-1 §7.4, §9.3',
  fix: 'Answer a request without a session with a JSON-RPC error that carries data.recipeUrl or a recipe; never a validation dump.',
  agent: 'AgenstryBot/0.3.0',
  ignoresHeaders: true,
  script: async (wire) => {
    let mute = 0;
    for (const path of PATHS) {
      const answer = await wire.get(path);
      if (!answer.ok && lessonOf(answer, wire.target, { ignoresHeaders: true }) === undefined) mute += 1;
    }
    wire.remark(mute === 0, `${mute} of ${PATHS.length} document paths were refused without naming the endpoint.`);
    const listed = await wire.post(listTools());
    wire.need(listed, listed.list('tools') !== undefined, 'a request without a session is served');
    return wire.gotIn(listedTools(listed, 'Without a session, '), listed);
  },
};
