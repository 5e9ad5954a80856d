import { isObject } from '../../protocol/capabilities.ts';
import { listTools, request } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { chooseCall } from '../safe-tools.ts';
import { shakeHandsOverSse } from '../sse-2024.ts';

/** A client of 2024-11-05 by the book: HTTP+SSE. */
export const spec20241105: Persona = {
  id: 'spec-2024-11-05',
  title: 'A client of 2024-11-05',
  group: 'well-behaved',
  who: 'Speaks HTTP+SSE: opens the stream at the address it was given, or where servers used to have it, and posts where the stream says.',
  evidence: 'MCP 2024-11-05, transports §HTTP with SSE',
  fix: 'Serve the 2024 transport at the endpoint, …/sse or /sse, or answer its GET with JSON that names the endpoint.',
  agent: 'spec-client/1.0.0',
  script: async (wire) => {
    const { stream, tell } = await shakeHandsOverSse(wire, [wire.target.path, wire.under('/sse'), '/sse']);
    const listed = await tell(listTools());
    const result = listed?.['result'];
    wire.need(
      stream.answer,
      isObject(result) && Array.isArray(result['tools']),
      'tools/list is answered on the stream',
    );
    const tools = isObject(result) && Array.isArray(result['tools']) ? result['tools'].filter(isObject) : [];
    const call = chooseCall(tools, wire.allowedTools);
    if (call !== undefined) {
      const called = await tell(request(5, 'tools/call', call));
      wire.need(stream.answer, called !== undefined, 'tools/call is answered on the stream');
    }
    return wire.gotIn(
      `The stream carried the handshake, tools/list (${tools.length})${call === undefined ? '' : ' and a call'}.`,
      stream.answer,
    );
  },
};
