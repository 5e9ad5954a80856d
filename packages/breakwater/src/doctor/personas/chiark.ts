import { isObject } from '../../protocol/capabilities.ts';
import { listedTools, open } from '../flows.ts';
import { listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';

/** C11: a quality index that follows the agent card to the letter. */
export const chiark: Persona = {
  id: 'chiark',
  title: 'Chiark/0.1 (agent quality index)',
  group: 'later',
  who: 'Reads the agent card, GETs the endpoint, initializes and lists tools without repeating the session id.',
  evidence: 'field notes C11, access log; AIP-1 §7.3.4, §7.4',
  fix: 'Serve lists without a session, or answer with JSON that carries a recipe.',
  agent: 'Chiark/0.1 (agent quality index; chiark.ai)',
  ignoresHeaders: true,
  script: async (wire) => {
    const card = await wire.get('/.well-known/agent-card.json');
    wire.remark(card.isJson, `The agent card was answered ${card.describe()}.`);
    wire.remark(
      !card.ok || isObject(card.json?.['transport']),
      'The agent card has no transport block to copy from (AIP-1 §7.4).',
    );
    const look = await wire.get();
    wire.remark(look.ok, `GET was answered ${look.describe()} (AIP-1 §7.3.4 wants 200).`);
    await open(wire, '2025-06-18', { client: 'chiark-prober/0.1.0' });
    const listed = await wire.post(listTools());
    wire.need(listed, listed.list('tools') !== undefined, 'tools/list without a session id is answered with tools');
    return wire.gotIn(listedTools(listed, 'Without a session id, '), listed);
  },
};
