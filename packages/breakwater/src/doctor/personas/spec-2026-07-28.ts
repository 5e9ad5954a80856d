import { listedTools } from '../flows.ts';
import { modernRequest, type Outgoing } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { chooseCall } from '../safe-tools.ts';
import type { Wire } from '../wire.ts';

const REVISION = '2026-07-28';

/** A client of 2026-07-28 by the book: no handshake, no session. */
export const spec20260728: Persona = {
  id: 'spec-2026-07-28',
  title: 'A client of 2026-07-28',
  group: 'well-behaved',
  who: 'Speaks the stateless revision alone: server/discover, a list, a call, everything said in every request.',
  evidence: 'MCP 2026-07-28, basic and transports',
  fix: 'Serve the revision, or refuse with -32022 and data.supported so that the client can choose another.',
  agent: 'spec-client/1.0.0',
  readsRevisions: true,
  script: async (wire) => {
    const found = await ask(wire, 1, 'server/discover');
    wire.need(
      found,
      Array.isArray(found.result?.['supportedVersions']),
      'server/discover is answered with supportedVersions',
    );
    wire.remark(found.sessionId === undefined, 'A session id was sent to a client that has no sessions.');
    const listed = await ask(wire, 2, 'tools/list');
    wire.need(listed, listed.list('tools') !== undefined, 'tools/list is answered with tools');
    const call = chooseCall(listed.list('tools') ?? [], wire.allowedTools);
    if (call === undefined) return wire.gotIn(listedTools(listed), listed);
    const called = await ask(wire, 3, 'tools/call', call, call.name);
    wire.need(called, called.result !== undefined || called.error !== undefined, 'tools/call is answered');
    return wire.gotIn(listedTools(listed, 'A tool was called; '), called);
  },
};

function ask(wire: Wire, id: number, method: string, params?: Outgoing, name?: string) {
  const headers: [string, string][] = [['Mcp-Method', method]];
  if (name !== undefined) headers.push(['Mcp-Name', name]);
  return wire.post(modernRequest(id, method, params), { version: REVISION, headers });
}
