import type { Answer } from '../answer.ts';
import { end } from '../flows.ts';
import { initialize, listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { watch, withstood } from '../siege.ts';

const MADE_UP = ['00000000-0000-4000-8000-000000000000', '../../etc/passwd', "1' OR '1'='1", 'x'.repeat(4_000)];

/** Ids that are dead, never were, or are none. */
export const staleIds: Persona = {
  id: 'stale-ids',
  title: 'Session ids that are dead or made up',
  group: 'hostile',
  who: 'Replays the id of an ended session and tries ids nobody issued. Its innocent form is a client that slept over a deployment.',
  evidence: 'MCP 2025-11-25 transports §Session Management: 404; AIP-1 §7.3.5; honeypot logs',
  fix: 'Answer an unknown session with 404, which makes official clients start over; a 400 leaves them stuck.',
  script: async (wire) => {
    const { sessionId: sid } = await wire.post(initialize('2025-06-18'));
    const stillServes = await watch(wire);
    let last: Answer | undefined;
    for (const made of MADE_UP) {
      last = await wire.post(listTools(), { sid: made });
      wire.need(last, last.status > 0 && last.status < 500, 'a made-up id is answered, and is no internal error');
      if (sid !== undefined) wire.need(last, !last.ok, 'a made-up id opens nothing');
    }
    await stillServes();
    // Where there are no ids, none can be dead.
    if (sid === undefined)
      return wire.gotIn('The server gives no session ids, and made-up ones changed nothing.', last);
    const ended = await end(wire, { sid });
    if (!ended.ok) return wire.gotIn('Made-up ids opened nothing; sessions cannot be ended here.', last);
    const dead = await wire.post(listTools(), { sid });
    wire.need(dead, dead.status === 404, 'an ended session is answered 404');
    await stillServes();
    return withstood(wire, dead, 'Made-up ids opened nothing, and the dead one got 404.');
  },
};
