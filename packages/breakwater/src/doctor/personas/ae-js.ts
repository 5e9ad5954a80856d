import { list, listedTools, open } from '../flows.ts';
import { INITIALIZED } from '../messages.ts';
import type { Persona } from '../persona.ts';

/** C02: initialized goes out before the session id is known. */
export const aeJs: Persona = {
  id: 'ae-js',
  title: 'Ae/JS 0.62.0, ke/JS 0.64.2',
  group: 'field-notes',
  who: 'A JavaScript agent behind Cloudflare. It sends notifications/initialized without the session id and lists tools with it.',
  evidence: 'field notes C02, access log; AIP-1 §7.3.1 taken strictly breaks it (G-17)',
  fix: 'Accept notifications/initialized without a session id, and let the first request complete the handshake.',
  agent: 'Ae/JS 0.62.0',
  script: async (wire) => {
    const { answer, send } = await open(wire, '2025-06-18', { client: 'Ae/0.62.0' });
    const stray = await wire.post(INITIALIZED);
    wire.remark(
      stray.ok || stray.isJson,
      `The notification without session id was answered ${stray.describe()}, which is no JSON.`,
    );
    const listed = await list(wire, { sid: answer.sessionId });
    wire.remark(listed.sessionId === answer.sessionId, 'The session id is not repeated on answers (AIP-1 §7.3.5).');
    await wire.send({ ...send, method: 'DELETE' });
    return wire.gotIn(listedTools(listed), listed);
  },
};
