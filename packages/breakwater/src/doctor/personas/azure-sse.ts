import { listTools, request } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { shakeHandsOverSse } from '../sse-2024.ts';

/** C23: the 2024 transport in volume. */
export const azureSse: Persona = {
  id: 'azure-sse',
  title: 'Azure python-httpx, 2024 transport',
  group: 'later',
  who: 'Five posts over one 2024 stream: handshake and all three lists. It never tries the newer transport first.',
  evidence: 'field notes C23, access log; MCP 2024-11-05 transports',
  fix: 'Serve the 2024 transport at …/sse, or answer its GET with JSON that names the endpoint.',
  agent: 'python-httpx/0.28.1',
  script: async (wire) => {
    const look = await wire.get();
    wire.remark(look.ok, `GET was answered ${look.describe()}.`);
    const sse = await shakeHandsOverSse(wire, [wire.under('/sse')]);
    const listed = await sse.tell(listTools());
    wire.need(sse.stream.answer, listed?.['result'] !== undefined, 'tools/list is answered on the stream');
    for (const [id, method] of [
      [3, 'resources/list'],
      [4, 'prompts/list'],
    ] as const)
      await sse.tell(request(id, method));
    wire.need(sse.stream.answer, !(await sse.stream.ends(50)), 'the stream stays open until the client closes it');
    return wire.gotIn('The stream carried the handshake and three lists.', sse.stream.answer);
  },
};
