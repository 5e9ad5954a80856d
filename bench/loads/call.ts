import { createLegacyLoad, type LegacyRequestLoad } from './legacy-load.ts';
import { WrongReply } from './load.ts';
import { checkText, isEventStream, readResult } from './replies.ts';

/** The 64-byte text of the n-th call: different each time, so that a stale or crossed answer is seen. */
export function writeCallText(step: number): string {
  return `call ${step} `.padEnd(64, '.');
}

const CALL: Omit<LegacyRequestLoad, 'name' | 'title' | 'paired' | 'upstream'> = {
  client: 'legacy',
  clients: 32,
  method: 'tools/call',
  writeParams: (step) => `{"name":"echo","arguments":{"text":"${writeCallText(step)}"}}`,
  check: (reply, id, step) => checkText(readResult(reply, id), writeCallText(step)),
};

/** Legacy `tools/call` with a small JSON answer. */
export const callLoad = createLegacyLoad({
  ...CALL,
  name: 'call',
  upstream: 'legacy',
  title: 'tools/call, 64 B echo, legacy session, JSON answer',
  paired: true,
});

/** The same over connections in turn, as a client behind a balancer has them: of several processes another one gets each call. */
export const callRoamingLoad = createLegacyLoad({
  ...CALL,
  name: 'call-roaming',
  upstream: 'legacy',
  connections: 3,
  title: 'tools/call, 64 B echo, legacy session, each call over the next of three connections',
  paired: false,
});

/** The same to a server that speaks only the modern era. */
export const callToModernLoad = createLegacyLoad({
  ...CALL,
  name: 'call-to-modern',
  upstream: 'modern',
  title: 'tools/call, 64 B echo, legacy session, the server modern: bridged',
  paired: false,
});

/** The same to a program on stdio. */
export const callStdioLoad = createLegacyLoad({
  ...CALL,
  name: 'call-stdio',
  upstream: 'legacy',
  over: 'stdio',
  title: 'tools/call, 64 B echo, legacy session, the server a program on stdio',
  paired: false,
});

/** The same with an upstream that answers each call as an SSE stream of one event; a gateway may answer JSON all the same. */
export const callSseLoad = createLegacyLoad({
  name: 'call-sse',
  client: 'legacy',
  upstream: 'legacy',
  title: 'tools/call, 64 B echo, legacy session, upstream answers SSE (one event)',
  clients: 32,
  paired: false,
  method: 'tools/call',
  writeParams: (step) => `{"name":"echo_sse","arguments":{"text":"${writeCallText(step)}"}}`,
  check: (reply, id, step) => checkText(readResult(reply, id), writeCallText(step)),
});

/** A call that asks for progress: the answer must be a stream that carries the notification, then the result. */
export const callProgressLoad = createLegacyLoad({
  name: 'call-progress',
  client: 'legacy',
  upstream: 'legacy',
  title: 'tools/call with a progress event before the result, legacy session, SSE answer',
  clients: 32,
  paired: false,
  method: 'tools/call',
  writeParams: (step) =>
    `{"name":"echo_progress","arguments":{"text":"${writeCallText(step)}"},"_meta":{"progressToken":"token-${step}"}}`,
  check: (reply, id, step) => {
    checkText(readResult(reply, id), writeCallText(step));
    if (!isEventStream(reply)) throw new WrongReply('progress was asked for, but the answer is no stream');
    if (!reply.body.includes(`"token-${step}"`)) throw new WrongReply('the progress event is missing');
  },
});
