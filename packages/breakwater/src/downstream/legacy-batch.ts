import type { Message } from '../jsonrpc/message.ts';
import type { Body } from '../jsonrpc/parse.ts';
import { encodeError, writeError } from '../jsonrpc/write.ts';
import { isModernClaim, type LegacyRevision } from '../protocol/revision.ts';
import { claimsModern, type EraHeaders } from './era.ts';
import { accommodates, type Inbound } from './inbound.ts';
import {
  abortAnswer,
  accept,
  answerOf,
  callerOf,
  checkVersion,
  findStreamable,
  servesSessionless,
} from './legacy-caller.ts';
import { applyNotification } from './legacy-notification.ts';
import { admitLegacy, failure, serveLegacy } from './legacy-request.ts';
import { makerOfMessage, passOn } from './pass-on.ts';
import { refuse } from './refusal.ts';

/** The elements of a batch body. */
export type BatchElements = Extract<Body, { kind: 'batch' }>['elements'];

const BATCHES_END: LegacyRevision = '2025-06-18';

/** Serves a JSON-RPC batch with one answer. Only 2025-03-26 has batches; clients that name no revision are taken for it. */
export async function serveBatch(
  inbound: Inbound,
  elements: BatchElements,
  { headers, bytes }: { readonly headers: EraHeaders; readonly bytes: Buffer },
): Promise<void> {
  const messages = elements.flatMap((element) => (element.ok ? [element.value] : []));
  if (isModernClaim(headers.version) || messages.some(claimsModern))
    return refuseBatch(inbound, 'Send each message alone.');
  const requests = messages.filter((message) => message.kind === 'request');
  // 2025-03-26 lifecycle: initialize must not be part of a batch.
  if (requests.some(({ method }) => method === 'initialize')) return refuseBatch(inbound, 'Send initialize alone.');
  const streamable = await findStreamable(inbound, headers.sessionId);
  if (headers.sessionId !== undefined && streamable === undefined) return refuse(inbound, 'session.unknown');
  const session = streamable?.session;
  if (!checkVersion(inbound, headers, session, undefined)) return;
  const caller = callerOf(inbound, headers, streamable);
  if (caller.client.revision >= BATCHES_END) return refuse(inbound, 'request.batch', { sessionId: session?.id });
  if (session === undefined) {
    if (headers.version === undefined && !accommodates(inbound, 'batch-unknown-version'))
      return refuse(inbound, 'request.batch');
    if (!servesSessionless(inbound)) return refuse(inbound, 'session.missing');
  }
  // Answers to what another node asked go there, with the whole batch; one that also asks for something is served here.
  const asker = streamable === undefined || requests.length > 0 ? undefined : askerOf(inbound, messages);
  if (asker !== undefined && (await passOn(inbound, asker, bytes, true))) return;
  for (const message of messages) {
    if (streamable === undefined || message.kind === 'request') continue;
    if (message.kind === 'notification') await applyNotification(inbound.context, streamable, message);
    else streamable.state.questions.take(message);
  }
  const faults = elements.flatMap((element) => (element.ok ? [] : [element.fault]));
  if (requests.length + faults.length === 0) return accept(inbound, session?.id);
  const ids = requests.map(({ id }) => id);
  const answer = answerOf(inbound, ids, streamable, { batch: true, extra: faults.length });
  for (const { id, code, message } of faults) answer.respond(writeError(id, encodeError({ code, message })), 200);
  if (session !== undefined && requests.length > 0) await inbound.context.deps.sessions.refresh(session);
  for (const request of requests) {
    const refusal = admitLegacy(caller, request);
    if (refusal === undefined) serveLegacy(caller, request, answer, () => abortAnswer(answer, request.id, session));
    else answer.respond(failure(caller, request, refusal, undefined).message, 200);
  }
}

function askerOf(inbound: Inbound, messages: readonly Message[]): string | undefined {
  for (const message of messages) {
    if (message.kind !== 'result' && message.kind !== 'error') continue;
    const asker = makerOfMessage(inbound, message.id);
    if (asker !== undefined) return asker;
  }
  return undefined;
}

function refuseBatch(inbound: Inbound, message: string): void {
  refuse(inbound, 'body.invalid', { message });
}
