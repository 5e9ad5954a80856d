import { list, listedTools, shakeHands } from '../flows.ts';
import { request } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { isSafe } from '../safe-tools.ts';

/** X3: a call without arguments, and a method that is none. */
export const sasameAudit: Persona = {
  id: 'sasame-audit',
  title: 'SaSame-MCP-Audit/0.1',
  group: 'elsewhere',
  who: 'An audit that calls “search” with nothing and a method that does not exist, to see whether the session survives.',
  evidence: 'field notes X3, telemetry',
  fix: 'Answer bad arguments with isError or -32602, unknown methods with -32601, and keep the session.',
  agent: 'SaSame-MCP-Audit/0.1',
  script: async (wire) => {
    const { send } = await shakeHands(wire, '2025-06-18', { client: 'sasame-audit/0.1' });
    const listed = await list(wire, send);
    const search = listed.list('tools')?.find(({ name }) => name === 'search');
    if (search === undefined || isSafe(search, wire.allowedTools)) {
      const called = await wire.post(request(3, 'tools/call', { name: 'search', arguments: {} }), send);
      wire.need(
        called,
        called.error !== undefined || called.result !== undefined,
        'a call without arguments is answered',
      );
    } else wire.remark(false, 'The tool “search” was not called: it does not say readOnlyHint.');
    const unknown = await wire.post(request(4, 'this/method/does/not/exist'), send);
    wire.remark(unknown.error?.code === -32601, `An unknown method was answered ${unknown.describe()}.`);
    const again = await list(wire, send, 5);
    return wire.gotIn(listedTools(again, 'The session survived; '), again);
  },
};
