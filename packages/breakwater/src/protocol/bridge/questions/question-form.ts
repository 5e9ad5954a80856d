import { RpcCode } from '../../../jsonrpc/message.ts';
import type { Edits, RawObject } from '../../../jsonrpc/raw.ts';
import type { CapabilityProfile } from '../../capabilities.ts';
import { META } from '../../meta.ts';
import { eraOf, type Revision } from '../../revision.ts';
import { applyEdits, editMeta } from '../edits.ts';
import { type Answer, abandonQuestion, refuse } from './answer.ts';
import { downgradeForm } from './elicitation-form.ts';
import { canBeAsked, type QuestionKind, questionKind } from './kind.ts';
import { bridgeSampling } from './sampling-form.ts';

/** A server's question, and the client that is to be asked. */
export interface QuestionToBridge {
  readonly method: string;
  readonly params: RawObject | undefined;
  /** The revision of the server's leg. */
  readonly from: Revision;
  /** The revision of the client's leg. */
  readonly to: Revision;
  /** What the client declared. */
  readonly profile: CapabilityProfile;
  /** The gateway's own id for a url elicitation; only 2025-11-25 clients are told one. */
  readonly elicitationId?: string | undefined;
}

/** The question in the client's form, or the answer to give the server at once. */
export type BridgedQuestion =
  | { readonly ok: true; readonly method: string; readonly params: Buffer | undefined }
  | { readonly ok: false; readonly answer: Answer };

type FormEdits = { readonly edits: Edits } | { readonly answer: Answer };

/** A server's question in the form of the client's revision. Params that are not concerned keep their own bytes. */
export function bridgeQuestion(question: QuestionToBridge): BridgedQuestion {
  const { method, params, to, profile } = question;
  const kind = questionKind(method, params);
  if (kind === undefined) return { ok: false, answer: refuse(RpcCode.methodNotFound, 'No client can be asked this.') };
  if (!canBeAsked(kind, profile, to)) return { ok: false, answer: refuseKind(kind, question) };
  if (params === undefined) {
    if (kind === 'roots') return { ok: true, method, params: undefined };
    return { ok: false, answer: refuse(RpcCode.invalidParams, 'The question has no params.') };
  }
  const form = formEdits(kind, params, question);
  if ('answer' in form) return { ok: false, answer: form.answer };
  const edits = { ...form.edits, task: undefined, ...editMeta(params, droppedMeta(question)) };
  return { ok: true, method, params: applyEdits(params, edits) };
}

// An undeclared mode of a declared capability is a fault of the params (2025-11-25 client/elicitation §Error Handling).
function refuseKind(kind: QuestionKind, { profile, to }: QuestionToBridge): Answer {
  const elicits = canBeAsked('elicit-form', profile, to) || canBeAsked('elicit-url', profile, to);
  if (kind.startsWith('elicit') && elicits) {
    return refuse(RpcCode.invalidParams, 'The client did not declare this mode of elicitation.');
  }
  return refuse(RpcCode.methodNotFound, 'The client did not declare the capability to be asked this.');
}

function formEdits(kind: QuestionKind, params: RawObject, question: QuestionToBridge): FormEdits {
  const { method, from, to, profile, elicitationId } = question;
  if (kind === 'elicit-form' && from >= '2025-11-25' && to < '2025-11-25') {
    const edits = downgradeForm(params);
    return edits === undefined ? { answer: abandonQuestion(method, 'unused') } : { edits };
  }
  if (kind === 'elicit-url') {
    if (eraOf(to) === 'modern') return { edits: { elicitationId: undefined } };
    return { edits: elicitationId === undefined ? {} : { elicitationId: JSON.stringify(elicitationId) } };
  }
  if (kind === 'sampling') {
    const sampling = bridgeSampling(params, profile, to);
    return sampling.ok ? sampling : { answer: refuse(RpcCode.invalidParams, sampling.message) };
  }
  return { edits: {} };
}

// Progress tokens are each leg's own; tasks of 2025-11-25 exist nowhere else.
function droppedMeta({ from, to }: QuestionToBridge): Edits {
  const hasTasks = from === '2025-11-25' && to === '2025-11-25';
  return { progressToken: undefined, ...(hasTasks ? {} : { [META.relatedTask]: undefined }) };
}
