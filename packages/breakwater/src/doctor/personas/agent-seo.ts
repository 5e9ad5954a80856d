import { list, listedTools, open } from '../flows.ts';
import { INITIALIZED, initialize } from '../messages.ts';
import type { Persona } from '../persona.ts';

const ID = '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed';

/** C27: a trust scorer that tries many paths. */
export const agentSeo: Persona = {
  id: 'agent-seo',
  title: 'AgentSEO/0.5',
  group: 'later',
  who: 'A trust scorer: initialize on seven paths, strict about media types and the space after “data:”, then the 2024 transport.',
  evidence: 'field notes C27, access log and source',
  fix: 'Answer wrong paths with 4xx JSON (an HTML 200 counts as a broken server) and frame events as “data: ”.',
  agent: 'AgentSEO/0.5 (mcp-handshake)',
  script: async (wire) => {
    const card = await wire.get('/.well-known/mcp.json');
    wire.remark(card.ok || card.isJson, `/.well-known/mcp.json was answered ${card.describe()}.`);
    for (const path of [wire.under('/mcp'), wire.under('/stream'), '/v1', '/api/llm/mcp']) {
      const answer = await wire.post(initialize('2025-03-26', { id: ID }), { path });
      wire.remark(answer.isJson, `POST ${path} was answered ${answer.describe()}.`);
    }
    const { answer, send } = await open(wire, '2025-03-26', { id: ID, client: 'agent-seo/0.2.0' });
    const readable = answer.isStream ? /^data: /m.test(answer.text) : answer.isJson;
    wire.need(answer, answer.status === 200 && readable, 'initialize is answered 200 with JSON or “data: ” lines');
    await wire.post(INITIALIZED, { accept: '*/*', sid: send.sid });
    const listed = await list(wire, { sid: send.sid }, ID);
    const sse = await wire.get(wire.under('/sse'));
    wire.remark(sse.isStream || sse.isJson, `The 2024 stream asked for without Accept was answered ${sse.describe()}.`);
    return wire.gotIn(listedTools(listed), listed);
  },
};
