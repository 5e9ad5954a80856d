import { listedTools } from '../flows.ts';
import { listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';

/** C30: documents below the endpoint, then a session id that never was. */
export const aisecRegistry: Persona = {
  id: 'aisec-registry',
  title: 'aisec-registry/0.2',
  group: 'later',
  who: 'A security registry: OAuth documents below the endpoint’s own path, then a request with a made-up session id, three times over.',
  evidence: 'field notes C30, access log (404 of 91 bytes: the id was sent and unknown); AIP-1 §7.3.5',
  fix: 'Answer an unknown session with 404, error -32001 and the canonical endpoint, the same each time.',
  agent: 'aisec-registry/0.2 (+https://sec.sqrx.io)',
  ignoresHeaders: true,
  script: async (wire) => {
    const bodies = new Set<string>();
    const cycle = async () => {
      for (const name of ['oauth-authorization-server', 'oauth-protected-resource', 'mcp']) {
        const found = await wire.get(wire.under(`/.well-known/${name}`));
        wire.remark(found.isJson, `…/.well-known/${name} was answered ${found.describe()}.`);
      }
      const answer = await wire.post(listTools(), { sid: 'aisec-0000-never-issued' });
      bodies.add(`${answer.status} ${answer.text}`);
      return answer;
    };
    await cycle();
    await cycle();
    const last = await cycle();
    wire.remark(bodies.size === 1, 'The same request got different answers: its score jumps.');
    wire.need(last, last.list('tools') !== undefined, 'a made-up session id is no obstacle');
    return wire.gotIn(listedTools(last, 'The server knows no sessions; '), last);
  },
};
