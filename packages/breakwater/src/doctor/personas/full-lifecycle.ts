import { end, list, listedTools, openStanding, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C05: the whole life of a session, DELETE included. */
export const fullLifecycle: Persona = {
  id: 'full-lifecycle',
  title: 'python-httpx, a whole lifecycle',
  group: 'field-notes',
  who: 'The official Python client: handshake, standing stream, list, DELETE, and one more GET.',
  evidence: 'field notes C05, access log; AIP-1 §7.3.2, §7.3.4',
  fix: 'Answer DELETE of a live session with 200 and end its streams; answer GET with 200.',
  agent: 'python-httpx/0.28.1',
  script: async (wire) => {
    const { send } = await shakeHands(wire, '2025-06-18', { client: 'mcp/0.1.0' });
    const stream = await openStanding(wire, send);
    const listed = await list(wire, send);
    const ended = await end(wire, send);
    if (stream !== undefined && ended.ok) wire.remark(await stream.ends(2_000), 'The stream outlives its session.');
    const after = await wire.get();
    wire.remark(after.ok, `GET after the session was answered ${after.describe()}.`);
    return wire.gotIn(listedTools(listed, 'Handshake, stream and DELETE worked; '), listed);
  },
};
