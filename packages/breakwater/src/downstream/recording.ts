import type { Body } from '../jsonrpc/parse.ts';
import type { Inbound } from './inbound.ts';
import { refuse } from './refusal.ts';

/** True when something new may begin. Where it could not be recorded it is refused. */
export function mayBegin(inbound: Inbound): boolean {
  if (inbound.context.deps.journal?.isOpen !== false) return true;
  refuse(inbound, 'audit.unavailable');
  return false;
}

/** True when the messages of a body may be served: answers to questions and cancellations belong to what runs, requests begin something. */
export function mayServe(inbound: Inbound, body: Body, modern: boolean): boolean {
  if (inbound.context.deps.journal?.isOpen !== false) return true;
  const messages =
    body.kind === 'single' ? [body.message] : body.elements.flatMap((element) => (element.ok ? [element.value] : []));
  const request = messages.find((message) => message.kind === 'request' && message.method !== 'ping');
  if (request === undefined) return true;
  const id = body.kind === 'single' && request.kind === 'request' ? request.id : undefined;
  refuse(inbound, 'audit.unavailable', { id, modern });
  return false;
}
