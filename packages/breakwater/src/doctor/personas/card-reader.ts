import { isObject, type JsonObject } from '../../protocol/capabilities.ts';
import { list, listedTools, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';
import { lessonOf } from '../teaching.ts';

const PATHS = ['/.well-known/mcp/server-card.json', '/.well-known/mcp.json', '/.well-known/mcp'];
/** Where readers of such documents look for the endpoint, in their order. */
const POINTERS = [
  'server/endpoints/streamable-http',
  'endpoints/streamable-http',
  'endpoints/streamable_http',
  'transports/streamable_http',
  'transport/streamable_http',
  'remotes/0/url',
  'mcp_endpoint',
  'url',
];

/** C15, C28: goes where a discovery document says. */
export const cardReader: Persona = {
  id: 'card-reader',
  title: 'A registry that follows server cards',
  group: 'elsewhere',
  who: 'A registry that is given a host alone: it reads the server card or mcp.json, and connects where that says.',
  evidence: 'field notes C15, C28 (source read: its pointers), §B.6; MCP SEP-2127',
  fix: 'Serve /.well-known/mcp/server-card.json or /.well-known/mcp.json with the endpoint, or name the endpoint in the JSON of their 404.',
  agent: 'mcp-registry-crawler/1.0',
  script: async (wire) => {
    let first: Awaited<ReturnType<typeof wire.get>> | undefined;
    for (const path of PATHS) {
      const found = await wire.get(path, { accept: 'application/json' });
      const named = found.ok && found.json !== undefined ? endpointOf(found.json) : undefined;
      if (named === undefined) {
        // The one that says nothing decides: a teaching 404 beside it was never asked for again.
        if (first === undefined || lessonOf(found, wire.target, {}) === undefined) first = found;
        continue;
      }
      wire.need(found, wire.target.isEndpoint(named), `${path} names the endpoint`);
      const { send } = await shakeHands(wire, '2025-06-18', { client: 'mcp-registry-crawler/1.0' });
      const listed = await list(wire, send);
      return wire.gotIn(listedTools(listed, `${path} named the endpoint; `), listed);
    }
    if (first !== undefined) wire.need(first, false, 'a document names the endpoint');
    return wire.gotIn('There was nothing to read.');
  },
};

function endpointOf(document: JsonObject): string | undefined {
  for (const pointer of POINTERS) {
    let value: unknown = document;
    for (const name of pointer.split('/')) {
      value = Array.isArray(value) ? value[Number(name)] : isObject(value) ? value[name] : undefined;
    }
    if (typeof value === 'string') return value;
  }
  return undefined;
}
