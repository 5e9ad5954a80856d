import { list, listedTools, listRest, open } from '../flows.ts';
import { INITIALIZED } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { lessonOf } from '../teaching.ts';
import { Refused, type Wire } from '../wire.ts';

const METADATA = '/.well-known/oauth-protected-resource';

/** C09: looks for OAuth first, then speaks to both paths at once. */
export const oauthFirst: Persona = {
  id: 'oauth-first',
  title: 'Firefox/149.0, OAuth first',
  group: 'field-notes',
  who: 'A browser-like client: asks for OAuth metadata in three places, then opens sessions on the endpoint and on the 2024 path together.',
  evidence: 'field notes C09, access log; RFC 9728; AIP-1 §9.1',
  fix: 'Answer OAuth metadata with JSON in every case (404 when there is no auth), and serve POST on the 2024 path too.',
  agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:149.0) Gecko/20100101 Firefox/149.0',
  script: async (wire) => {
    for (const suffix of [wire.under('/sse'), wire.target.path, '']) {
      const found = await wire.get(`${METADATA}${suffix}`);
      wire.remark(found.isJson, `${METADATA}${suffix} was answered ${found.describe()}.`);
    }
    const [listed, aside] = await Promise.all([
      work(wire, wire.target.path),
      work(wire, wire.under('/sse')).catch((error: unknown) => {
        if (error instanceof Refused) return error;
        throw error;
      }),
    ]);
    if (aside instanceof Refused) {
      const taught = lessonOf(aside.answer, wire.target, {}) !== undefined;
      wire.remark(taught, `POST on the 2024 path was answered ${aside.answer.describe()}.`);
    }
    return wire.gotIn(listedTools(listed), listed);
  },
};

async function work(wire: Wire, path: string) {
  const { send } = await open(wire, '2025-06-18', {}, { path });
  await wire.get(METADATA);
  await wire.post(INITIALIZED, send);
  const listed = await list(wire, send);
  await listRest(wire, send);
  return listed;
}
