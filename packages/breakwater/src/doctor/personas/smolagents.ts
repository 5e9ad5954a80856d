import { readDocuments } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C01: an agent that knows REST alone. */
export const smolagents: Persona = {
  id: 'smolagents',
  title: 'smolagents-oabp-example/1.0',
  group: 'field-notes',
  who: 'A Python agent that knows no MCP: it GETs lists as JSON and falls back through their known paths. Its submissions are not played.',
  evidence: 'field notes C01, source read',
  fix: 'Serve the lists as JSON, or answer unknown paths with JSON that names the MCP endpoint, never with HTML or an empty body.',
  agent: 'smolagents-oabp-example/1.0',
  ignoresHeaders: true,
  script: async (wire) => {
    const paths = ['/missions/active', '/api/missions', '/missions'];
    const { used } = await readDocuments(wire, paths, (answer) => isJsonText(answer.text), 'one of its lists is JSON');
    return wire.gotIn('A list was served as JSON.', used[0]);
  },
};

function isJsonText(text: string): boolean {
  return /^\s*[[{]/.test(text);
}
