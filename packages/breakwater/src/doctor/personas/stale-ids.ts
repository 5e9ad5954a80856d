import { end, list, open } from '../flows.ts';
import { listTools } from '../messages.ts';
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
    const { send } = await open(wire, '2025-06-18');
    await list(wire, send);
    const stillServes = await watch(wire);
    const ended = await end(wire, send);
    const dead = await wire.post(listTools(), send);
    wire.need(dead, dead.status < 500, 'an ended session is not an internal error');
    for (const sid of MADE_UP) {
      const answer = await wire.post(listTools(), { sid });
      wire.need(answer, answer.status > 0 && answer.status < 500, 'a made-up id is answered, and is no internal error');
      if (send.sid !== undefined) wire.need(answer, !answer.ok, 'a made-up id opens nothing');
    }
    // Without DELETE the session may live on, and without ids there is none to be dead.
    if (send.sid === undefined || !ended.ok) return wire.gotIn('Made-up ids opened nothing that is not open.', dead);
    wire.need(dead, dead.status === 404, 'an ended session is answered 404');
    await stillServes();
    return withstood(wire, dead, 'Dead and made-up ids got 404 or another refusal.');
  },
};
