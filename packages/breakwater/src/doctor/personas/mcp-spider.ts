import { listedTools } from '../flows.ts';
import { initialize, request } from '../messages.ts';
import type { Persona } from '../persona.ts';

/** C28: parses JSON alone and never sends initialized. */
export const mcpSpider: Persona = {
  id: 'mcp-spider',
  title: 'mcp-spider/0.2',
  group: 'later',
  who: 'A crawler that accepts anything and parses the body as JSON; it lists tools without notifications/initialized.',
  evidence: 'field notes C28, access log and source',
  fix: 'Answer Accept: */* with application/json, and serve lists before notifications/initialized.',
  agent: 'mcp-spider/0.2',
  script: async (wire) => {
    await wire.get('/.well-known/mcp.json', { headers: [['Content-Type', 'application/json']] });
    for (const path of [wire.under('/mcp'), wire.under('/api/mcp'), wire.under('/v1/mcp')]) {
      const stray = await wire.post(initialize('2025-03-26'), { path, accept: '*/*' });
      wire.remark(stray.isJson, `POST ${path} was answered ${stray.describe()}.`);
    }
    const opened = await wire.post(initialize('2025-03-26', { client: 'mcp-spider/0.2' }), { accept: '*/*' });
    wire.need(
      opened,
      opened.isJson && opened.result !== undefined,
      'initialize with Accept: */* is answered with a JSON body',
    );
    const listed = await wire.post(request(2, 'tools/list', {}), { accept: '*/*', sid: opened.sessionId });
    wire.need(
      listed,
      listed.isJson && listed.list('tools') !== undefined,
      'tools/list before initialized is answered with a JSON body',
    );
    return wire.gotIn(listedTools(listed, 'As JSON, '), listed);
  },
};
