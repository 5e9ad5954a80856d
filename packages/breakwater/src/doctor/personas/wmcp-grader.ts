import { listedTools, open } from '../flows.ts';
import { request } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { SSE } from '../send.ts';

const VERSION = '2025-06-18';

/** X1: a grader that never sends a session id. */
export const wmcpGrader: Persona = {
  id: 'wmcp-grader',
  title: 'wmcp.sh-grader/1.0',
  group: 'elsewhere',
  who: 'A trust grader that pins the revision header, never sends a session id, and wants -32601 for a method that is none.',
  evidence: 'field notes X1, source',
  fix: 'Serve requests without a session; answer an unknown method with -32601, and honour the asked revision.',
  agent: 'wmcp.sh-grader/1.0',
  script: async (wire) => {
    const send = { version: VERSION };
    const { answer } = await open(wire, VERSION, { client: 'wmcp-grader/1.0' }, send);
    wire.remark(
      answer.result?.['protocolVersion'] === VERSION,
      `Asked for ${VERSION}, it was offered ${String(answer.result?.['protocolVersion'])}: one check lost.`,
    );
    const alive = await wire.get(undefined, { accept: SSE });
    wire.remark(alive.isStream || alive.status === 405, `GET for a stream was answered ${alive.describe()}.`);
    const unknown = await wire.post(request(9, 'this/does-not-exist', {}), send);
    wire.remark(
      unknown.error?.code === -32601,
      `An unknown method without session was answered ${unknown.describe()}.`,
    );
    const listed = await wire.post(request(2, 'tools/list', {}), send);
    wire.need(listed, listed.list('tools') !== undefined, 'tools/list without a session id is answered with tools');
    await wire.get('/.well-known/oauth-protected-resource');
    return wire.gotIn(listedTools(listed, 'Without a session id, '), listed);
  },
};
