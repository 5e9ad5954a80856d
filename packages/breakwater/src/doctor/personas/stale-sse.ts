import { INITIALIZED, initialize, listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { openSse } from '../sse-2024.ts';

const DEAD = '/messages/?session_id=0123456789abcdef0123456789abcdef';

/** C04: posts to a dead 2024 stream, then opens a new one. */
export const staleSse: Persona = {
  id: 'stale-sse',
  title: 'python-httpx with a dead 2024 stream',
  group: 'field-notes',
  who: 'A Python client of the 2024 transport: three posts to the address of a stream that is gone, then a fresh stream.',
  evidence: 'field notes C04, access log, both readings',
  fix: 'Answer posts to a dead stream with 404 JSON, never 202; serve the 2024 transport beside the endpoint, or answer its GET with JSON that names the endpoint.',
  agent: 'python-httpx/0.28.1',
  script: async (wire) => {
    const dead = await Promise.all([1, 2, 3].map((id) => wire.post(listTools(id), { path: DEAD, accept: '*/*' })));
    wire.remark(
      !dead.some(({ status }) => status === 202),
      'A post to a dead stream was accepted: its sender waits forever.',
    );
    const sse = await openSse(wire, wire.under('/sse'));
    wire.need(sse.stream.answer, !DEAD.endsWith(sse.endpoint.slice(-32)), 'the new stream has a new id');
    const greeted = await sse.tell(initialize('2024-11-05'));
    wire.need(sse.stream.answer, greeted?.['result'] !== undefined, 'initialize is answered on the stream');
    await sse.tell(INITIALIZED);
    const listed = await sse.tell(listTools());
    wire.need(sse.stream.answer, listed?.['result'] !== undefined, 'tools/list is answered on the stream');
    return wire.gotIn('A fresh stream carried initialize and tools/list.', sse.stream.answer);
  },
};
