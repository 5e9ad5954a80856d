import { isObject } from '../../protocol/capabilities.ts';
import type { Answer } from '../answer.ts';
import type { Persona } from '../persona.ts';

/** C27 and AIP-1 §8: knows OpenAPI, and no MCP. */
export const openapiAgent: Persona = {
  id: 'openapi-agent',
  title: 'REST agent with /openapi.json',
  group: 'elsewhere',
  who: 'An agent framework that speaks REST alone: it reads /openapi.json and uses the first list that the document promises.',
  evidence: 'AIP-1 §8 (openapi.json MUST be served); probed by AgentSEO/0.5 (C27) and C20, access log',
  fix: 'Serve /openapi.json with the operations that are really there, or answer it with JSON that names the MCP endpoint.',
  agent: 'python-requests/2.32.5',
  ignoresHeaders: true,
  script: async (wire) => {
    const versioned = await wire.get('/api/v1/openapi.json');
    const found = await wire.get('/openapi.json');
    const wanted = '/openapi.json is an OpenAPI document';
    wire.need(found, found.ok && isObject(found.json?.['paths']), wanted);
    wire.remark(versioned.status < 400, `/api/v1/openapi.json was answered ${versioned.describe()}.`);
    const path = promisedList(found);
    if (path === undefined)
      return wire.gotIn('The document promises no list that can be read without parameters.', found);
    const list = await wire.get(path);
    wire.need(
      list,
      list.ok && /^\s*[[{]/.test(list.text),
      `GET ${path}, which the document promises, is answered with JSON`,
    );
    return wire.gotIn(`GET ${path} was answered as its OpenAPI document says.`, list);
  },
};

// A path below a tool could be a call of it: those are left alone, whatever their method says.
function promisedList({ json }: Answer): string | undefined {
  const paths = isObject(json?.['paths']) ? json['paths'] : {};
  const servers = Array.isArray(json?.['servers']) ? json['servers'] : [];
  const server: unknown = isObject(servers[0]) ? servers[0]['url'] : undefined;
  const base =
    URL.parse(typeof server === 'string' ? server : '/', 'http://here.invalid')?.pathname.replace(/\/+$/, '') ?? '';
  const path = Object.entries(paths).find(
    ([name, item]) => /^\/(?!\/)[\w./-]*$/.test(name) && !/\/tools\/./.test(name) && isFree(item),
  )?.[0];
  return path === undefined ? undefined : `${base}${path}`;
}

function isFree(item: unknown): boolean {
  const operation = isObject(item) ? item['get'] : undefined;
  if (!isObject(operation)) return false;
  const { parameters } = operation;
  return !Array.isArray(parameters) || !parameters.some((each) => isObject(each) && each['required'] === true);
}
