import { memberObject, memberValue, type RawObject } from '../../jsonrpc/raw.ts';
import { continueElsewhere } from '../pass-on.ts';
import type { Member } from './json-object.ts';
import { bytesOfMember } from './question.ts';
import { type RestRequest, refuseRest } from './request.ts';

/**
 * The answers to a server's questions, as members of the repeated request's params. Undefined when the body was refused, or another node that holds the
 * call served the request.
 */
export async function readAnswers(request: RestRequest, body: RawObject): Promise<readonly Member[] | undefined> {
  const state = memberValue(body, 'requestState');
  const responses = bytesOfMember(body, 'inputResponses');
  const fault = faultOf(body, state, responses);
  if (fault === undefined) {
    // The state alone says where the call is held; its method is not looked at.
    const retry = { method: 'tools/call', params: body, sessionId: undefined };
    if (await continueElsewhere(request, retry, body.bytes)) return undefined;
    return [
      ['inputResponses', responses],
      ['requestState', typeof state === 'string' ? state : undefined],
    ];
  }
  refuseRest(request, 'params.invalid', {
    detail: fault,
    how: 'Send what "how" of the answer that asked says: the same arguments, its requestState, and inputResponses.',
    extra: {
      example: { arguments: {}, requestState: '…', inputResponses: { '…': { action: 'accept', content: {} } } },
    },
  });
  return undefined;
}

function faultOf(body: RawObject, state: unknown, responses: Buffer | undefined): string | undefined {
  if (state !== undefined && typeof state !== 'string') return 'requestState must be the string that was given.';
  if (responses !== undefined && memberObject(body, 'inputResponses') === undefined)
    return 'inputResponses must be an object.';
  if (state === undefined && responses === undefined) return 'The body has neither requestState nor inputResponses.';
  const given = bytesOfMember(body, 'arguments');
  return given !== undefined && memberObject(body, 'arguments') === undefined
    ? 'arguments must be an object.'
    : undefined;
}
