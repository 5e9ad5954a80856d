import { isObject } from '../../protocol/capabilities.ts';
import type { Answer } from '../answer.ts';
import { initialize, request } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { chooseCall } from '../safe-tools.ts';

/** C45: twenty lines that read the first “data: ” line. */
export const twentyLines: Persona = {
  id: 'twenty-lines',
  title: 'The published 20-line Node client',
  group: 'later',
  who: 'A published example: any Accept, revision 2024-11-05, reads the first line that begins with “data: ”, never sends initialized.',
  evidence: 'field notes C45, source; E-14',
  fix: 'Answer Accept: */* of a 2024-11-05 client with an event stream, as its reference server always does.',
  ignoresHeaders: true,
  script: async (wire) => {
    const opened = await wire.post(initialize('2024-11-05', { client: 'oabp-20-loc/1.0.0' }), { accept: '*/*' });
    wire.need(opened, firstData(opened) !== undefined, 'initialize with Accept: */* is answered with a “data: ” line');
    const sid = opened.sessionId;
    const listed = await wire.post(request(Date.now(), 'tools/list', {}), { accept: '*/*', sid });
    const result = firstData(listed)?.['result'];
    wire.need(listed, isObject(result), 'a request before initialized is answered with a “data: ” line');
    const tools = isObject(result) && Array.isArray(result['tools']) ? result['tools'].filter(isObject) : [];
    const call = chooseCall(tools, wire.allowedTools);
    if (call === undefined) return wire.gotIn('tools/list was read from a “data: ” line.', listed);
    const called = await wire.post(request(Date.now(), 'tools/call', call), { accept: '*/*', sid });
    wire.need(called, firstData(called) !== undefined, 'tools/call is answered with a “data: ” line');
    return wire.gotIn('A tool was called and its answer read from a “data: ” line.', called);
  },
};

function firstData({ ok, text }: Answer): Readonly<Record<string, unknown>> | undefined {
  const line = ok ? text.split('\n').find((each) => each.startsWith('data: ')) : undefined;
  if (line === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(line.slice('data: '.length));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // The client's own JSON.parse would throw here.
  }
}
