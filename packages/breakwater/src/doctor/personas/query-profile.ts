import { callSafely, list, listedTools, peekStanding, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';

const QUERY = '?api_key=8a58cfe0-0000-4000-8000-000000000000&profile=outlook+account';

/** C16: an account in the query string. */
export const queryProfile: Persona = {
  id: 'query-profile',
  title: 'claude-code/2.1.90 with a query',
  group: 'later',
  who: 'A person behind a marketplace proxy that adds ?api_key=…&profile=… to every request; lists, calls, keeps a stream.',
  evidence: 'field notes C16, access log; §A.4.8',
  fix: 'Ignore unknown query parameters, and keep api_key out of logs.',
  agent: 'claude-code/2.1.90 (sdk-cli)',
  script: async (wire) => {
    const path = `${wire.target.path}${QUERY}`;
    const { send } = await shakeHands(wire, '2025-06-18', { client: 'claude-code/2.1.90' }, { path });
    const listed = await list(wire, send);
    const called = await callSafely(wire, listed, send);
    await peekStanding(wire, send);
    return wire.gotIn(listedTools(listed, called === undefined ? '' : 'A tool was called; '), called ?? listed);
  },
};
