import type { Answer } from '../answer.ts';
import { listedTools } from '../flows.ts';
import { initialize, listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';

/** C12: loops over both paths and never learns a session id. */
export const catalogBot: Persona = {
  id: 'catalog-bot',
  title: 'MCP-Catalog-Bot/1.0',
  group: 'later',
  who: 'A catalogue robot that came 52 times in eleven hours: initialize on the 2024 path and on the endpoint, each with three requests without session id.',
  evidence: 'field notes C12, access log; AIP-1 §7.2.1, §7.3.1',
  fix: 'Serve lists without a session, or answer 400 with JSON that names endpoint and recipe. Never with plain text.',
  agent: 'MCP-Catalog-Bot/1.0',
  ignoresHeaders: true,
  script: async (wire) => {
    for (const name of ['oauth-authorization-server', 'openid-configuration']) {
      const found = await wire.get(`/.well-known/${name}`);
      wire.remark(found.isJson, `/.well-known/${name} was answered ${found.describe()}.`);
    }
    let last: Answer | undefined;
    for (const path of [wire.under('/sse'), wire.target.path]) {
      await wire.post(initialize('2025-03-26'), { path });
      for (const id of [2, 3, 4]) last = await wire.post(listTools(id), { path });
    }
    if (last !== undefined)
      wire.need(last, last.list('tools') !== undefined, 'tools/list without a session id is answered with tools');
    return wire.gotIn(last === undefined ? '' : listedTools(last, 'Without a session id, '), last);
  },
};
