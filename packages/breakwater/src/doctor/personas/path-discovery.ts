import { listedTools, open } from '../flows.ts';
import { initialize, listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { lessonOf } from '../teaching.ts';

/** C06: tries paths until one answers, follows redirects by GET, forgets the session. */
export const pathDiscovery: Persona = {
  id: 'path-discovery',
  title: 'MCP-Client/1.0',
  group: 'field-notes',
  who: 'A client that POSTs initialize to one path after the other, turns 301 into GET, and sends no session id afterwards.',
  evidence: 'field notes C06, access log; AIP-1 §7.2, §7.2.1',
  fix: 'Redirect with 308, never 301 or 302; answer unserved paths and missing sessions with JSON that names the endpoint.',
  agent: 'MCP-Client/1.0',
  ignoresHeaders: true,
  script: async (wire) => {
    let mute = 0;
    for (const path of ['/api/mcp', '/sse', '/message', '/v1/mcp', '/']) {
      let answer = await wire.post(initialize('2025-03-26'), { path, accept: '*/*' });
      const to = URL.parse(answer.header('location') ?? '', wire.target.url.href);
      if (answer.status === 301 || answer.status === 302) answer = await wire.get(to?.pathname ?? path);
      if (answer.result === undefined && lessonOf(answer, wire.target, { ignoresHeaders: true }) === undefined)
        mute += 1;
    }
    wire.remark(mute === 0, `${mute} of 5 wrong paths were refused without naming the endpoint.`);
    await open(wire, '2025-03-26', { client: 'MCP-Client/1.0' }, { accept: '*/*' });
    const listed = await wire.post(listTools(), { accept: '*/*' });
    wire.need(listed, listed.list('tools') !== undefined, 'tools/list without a session id is answered with tools');
    return wire.gotIn(listedTools(listed, 'Without a session id, '), listed);
  },
};
