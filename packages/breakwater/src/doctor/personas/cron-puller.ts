import { list, listedTools, open } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C19: compares two pulls byte by byte. */
export const cronPuller: Persona = {
  id: 'cron-puller',
  title: 'node, 12-hour cron',
  group: 'later',
  who: 'Pulls the tool list twice a day, without notifications/initialized, and compares it with the last.',
  evidence: 'field notes C19, access log; §A.4.10',
  fix: 'List tools in a fixed order and wording, also in sessions whose handshake was not finished.',
  agent: 'node',
  script: async (wire) => {
    const first = await list(wire, (await open(wire, '2025-06-18')).send);
    const second = await list(wire, (await open(wire, '2025-06-18')).send);
    wire.remark(
      JSON.stringify(first.result) === JSON.stringify(second.result),
      'Two pulls of tools/list differ: it reports a change that was none.',
    );
    return wire.gotIn(listedTools(second, 'Twice, '), second);
  },
};
