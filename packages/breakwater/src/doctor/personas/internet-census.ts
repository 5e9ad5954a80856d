import { list, listedTools, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';
import { lessonOf } from '../teaching.ts';

/** C33: scans the whole internet, and asks for a bare /sse. */
export const internetCensus: Persona = {
  id: 'internet-census',
  title: 'internet-census',
  group: 'later',
  who: 'A scanner of the whole address space: a browser’s GET, a session by the book with short string ids, then GET /sse.',
  evidence: 'field notes C33, access log; AIP-1 §7.1.1, §7.2 (issue #35)',
  fix: 'Serve /sse as a 2024 stream, or answer it with 404 or 405 JSON that names the endpoint. A bare 404 is not sufficient.',
  agent: 'python-httpx/0.28.1',
  ignoresHeaders: true,
  script: async (wire) => {
    await wire.get('/');
    const { send } = await shakeHands(wire, '2025-06-18', { id: 'a1b2c3d' });
    const listed = await list(wire, send, 'e4f5g6h');
    const sse = await wire.get('/sse');
    await wire.get('/favicon.ico');
    const known = sse.ok || lessonOf(sse, wire.target, { ignoresHeaders: true }) !== undefined;
    wire.need(sse, known, '/sse is a stream, or says in JSON where the endpoint is');
    return wire.gotIn(listedTools(listed, `/sse was answered ${sse.status}; `), listed);
  },
};
