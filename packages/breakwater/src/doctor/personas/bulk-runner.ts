import { list, listedTools, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';

const SESSIONS = 10;

/** C17: thirty posts in four seconds. */
export const bulkRunner: Persona = {
  id: 'bulk-runner',
  title: 'python-httpx, thirty posts at once',
  group: 'later',
  who: 'A test runner with ten sessions at once from one address: thirty posts in four seconds.',
  evidence: 'field notes C17, access log',
  fix: 'Do not lock or limit initialize per address; thirty posts are no attack.',
  agent: 'python-httpx/0.28.1',
  script: async (wire) => {
    const lists = await Promise.all(
      Array.from({ length: SESSIONS }, async () => {
        const { send } = await shakeHands(wire, '2025-03-26');
        const listed = await list(wire, send);
        await wire.send({ ...send, method: 'DELETE' });
        return listed;
      }),
    );
    const [first] = lists;
    return wire.gotIn(first === undefined ? '' : listedTools(first, `In ${SESSIONS} sessions at once, `), first);
  },
};
