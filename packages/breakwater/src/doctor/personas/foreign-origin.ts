import type { Persona } from '../persona.ts';
import { knock } from '../siege.ts';

/** A page of another site. */
export const foreignOrigin: Persona = {
  id: 'foreign-origin',
  title: 'A page of a foreign origin',
  group: 'hostile',
  who: 'A web page of another site, open in the user’s browser, that posts to this server.',
  evidence: 'MCP 2025-06-18 transports §Security Warning: servers MUST validate Origin; 2025-11-25: 403',
  fix: 'Answer an Origin that is not allowed with 403.',
  script: (wire) => knock(wire, { headers: [['Origin', 'https://evil.example']] }, 'Origin: https://evil.example'),
};
