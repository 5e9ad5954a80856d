import { RpcCode, type RpcError } from '../../../jsonrpc/message.ts';

/** What a question was answered with: a result's bytes, or an error. */
export type Answer = { readonly result: Buffer } | { readonly error: RpcError };

const CANCEL = Buffer.from('{"action":"cancel"}');
const DECLINE = Buffer.from('{"action":"decline"}');

/** The consent to a url elicitation (2026-07-28 client/elicitation: consent only, not completion). */
export const ACCEPT = Buffer.from('{"action":"accept"}');

/** An error as an answer. */
export function refuse(code: number, message: string): { readonly error: RpcError } {
  return { error: { code, message } };
}

/** What to tell a server whose question nobody will answer: elicitations have an action for it, the others only an error. */
export function abandonQuestion(method: string, reason: string): Answer {
  return method === 'elicitation/create' ? { result: CANCEL } : refuse(RpcCode.internalError, reason);
}

/**
 * An error answer where errors have no way (2026-07-28 mrtr §InputResponses holds results only): an elicitation becomes a decline or a
 * cancel, undefined for the kinds that have neither.
 */
export function errorAsAction(method: string, error: RpcError): Buffer | undefined {
  if (method !== 'elicitation/create') return undefined;
  // -1 is what the SDKs' samples and most clients send for "user rejected".
  return error.code === -1 || /reject|declin|denied/i.test(error.message) ? DECLINE : CANCEL;
}
