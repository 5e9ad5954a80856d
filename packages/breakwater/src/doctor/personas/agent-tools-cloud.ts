import { open } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C29: initializes, and looks for things to pay for. */
export const agentToolsCloud: Persona = {
  id: 'agent-tools-cloud',
  title: 'agent-tools.cloud-crawler/0.1',
  group: 'later',
  who: 'A crawler that initializes every few hours, with and without an api_key in the query, and looks for payment and A2A documents.',
  evidence: 'field notes C29, access log and partly source',
  fix: 'Answer initialize whatever the query says; answer GET with 200 and unknown documents with JSON.',
  agent: 'agent-tools.cloud-crawler/0.1 (+https://agent-tools.cloud)',
  script: async (wire) => {
    await open(wire, '2025-03-26');
    const path = `${wire.target.path}?api_key=8a58cfe0-0000-4000-8000-000000000000`;
    const { answer } = await open(wire, '2025-03-26', {}, { path });
    for (const place of [
      '/',
      '/.well-known/x402',
      '/.well-known/x402.json',
      '/api/a2a',
      '/.well-known/agent-card.json',
    ]) {
      const found = await wire.get(place);
      wire.remark(found.ok || found.isJson, `GET ${place} was answered ${found.describe()}.`);
    }
    const look = await wire.get();
    wire.remark(look.ok, `GET was answered ${look.describe()}.`);
    return wire.gotIn('initialize was answered, with and without a query.', answer);
  },
};
