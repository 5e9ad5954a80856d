import { isObject } from '../../protocol/capabilities.ts';
import { listedTools, open } from '../flows.ts';
import { INITIALIZED, request } from '../messages.ts';
import type { Persona } from '../persona.ts';

const NAME = /^[a-zA-Z0-9_-]+$/;

/** C14: initialized and lists go out together, without session id, for JSON alone. */
export const relayRegistry: Persona = {
  id: 'relay-registry',
  title: 'relay-registry/1.0',
  group: 'later',
  who: 'A registry that sends initialized and all lists at once, without session id, and parses JSON bodies alone.',
  evidence: 'field notes C14, access log and source',
  fix: 'Serve lists without a session, as application/json unless an event stream was asked for.',
  agent: 'relay-registry/1.0',
  ignoresHeaders: true,
  script: async (wire) => {
    const { answer } = await open(
      wire,
      '2025-03-26',
      { client: 'relay-registry/1.0.0' },
      { headers: [['X-Registry-Probe', 'initialize']] },
    );
    const capabilities = answer.result?.['capabilities'];
    const can = isObject(capabilities) ? capabilities : {};
    const ask = (id: number, method: string) => wire.post(request(id, method, {}), { accept: '*/*' });
    const [listed, , ...others] = await Promise.all([
      ask(2, 'tools/list'),
      wire.post(INITIALIZED, { accept: '*/*', headers: [['X-Registry-Probe', 'initialized']] }),
      ...('resources' in can ? [ask(3, 'resources/list')] : []),
      ...('prompts' in can ? [ask(4, 'prompts/list')] : []),
    ]);
    for (const other of others) wire.remark(other.isJson, `A list without a session was answered ${other.describe()}.`);
    const tools = listed.list('tools');
    wire.need(
      listed,
      listed.isJson && tools !== undefined,
      'tools/list without a session id is answered with a JSON body',
    );
    wire.remark(
      tools?.every(({ name }) => NAME.test(String(name))) ?? true,
      'Tools whose names have other characters than letters, digits, “_” and “-” are left out of its entry.',
    );
    return wire.gotIn(listedTools(listed, 'Without a session id, '), listed);
  },
};
