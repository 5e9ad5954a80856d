import { listedTools } from '../flows.ts';
import { initialize, listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';

/** C08: no User-Agent, no Content-Type, for days. */
export const noContentType: Persona = {
  id: 'no-content-type',
  title: 'An AWS robot without User-Agent',
  group: 'field-notes',
  who: 'A robot on AWS that posts without Content-Type, to the 2024 path and to the endpoint, more than sixty times in a day.',
  evidence: 'field notes C08, access log, first of three readings; AIP-1 §7.2.1, §A.4.2',
  fix: 'Read a POST without Content-Type as JSON, or answer it with JSON that says which header to send.',
  ignoresHeaders: true,
  script: async (wire) => {
    const bare = { type: null, accept: null } as const;
    const aside = await wire.post(initialize('2025-03-26'), { ...bare, path: wire.under('/sse') });
    wire.remark(aside.ok || aside.isJson, `POST on the 2024 path was answered ${aside.describe()}.`);
    for (const path of [wire.target.path, wire.under('/sse')]) {
      const head = await wire.send({ method: 'HEAD', path, accept: null });
      wire.remark(head.ok, `HEAD ${path} was answered ${head.describe()}.`);
    }
    const opened = await wire.post(initialize('2025-03-26'), bare);
    wire.need(opened, opened.result !== undefined, 'initialize without Content-Type is answered with a result');
    const listed = await wire.post(listTools(), bare);
    wire.need(
      listed,
      listed.list('tools') !== undefined,
      'tools/list without Content-Type and session is answered with tools',
    );
    return wire.gotIn(listedTools(listed, 'Without Content-Type and session, '), listed);
  },
};
