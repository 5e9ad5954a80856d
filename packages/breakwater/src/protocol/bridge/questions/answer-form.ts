import { RpcCode } from '../../../jsonrpc/message.ts';
import { type Edits, memberValue, type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import { META } from '../../meta.ts';
import { eraOf, type Revision } from '../../revision.ts';
import { applyEdits, arrayElements, bytesOf, editMeta, writeObject } from '../edits.ts';
import { type Answer, errorAsAction, refuse } from './answer.ts';
import { contentBlocks, typeOf } from './sampling-form.ts';

/** A client's answer to a question of `method`; `from` is the client's revision, `to` the server's. */
export interface AnswerToBridge {
  readonly method: string;
  readonly answer: Answer;
  readonly from: Revision;
  readonly to: Revision;
}

const UNFIT = refuse(RpcCode.internalError, 'The client sent an answer that does not fit the question.');

/**
 * A client's answer in the form of the server's revision; the very same bytes where nothing changes. Towards a modern server an error stays an
 * error only for sampling and roots: its call then has to fail, because `inputResponses` cannot say it.
 */
export function bridgeAnswer({ method, answer, from, to }: AnswerToBridge): Answer {
  if (from === to) return answer;
  if ('error' in answer) return bridgeRefusal(method, answer, to);
  const object = scanObject(answer.result);
  if (object === undefined) return bridgeRefusal(method, UNFIT, to);
  if (eraOf(to) === 'modern' && !isAnswerTo(method, object)) return bridgeRefusal(method, UNFIT, to);
  const content = method === 'sampling/createMessage' ? sampledContent(answer.result, object, to) : {};
  if (content === undefined) {
    return refuse(RpcCode.internalError, 'The client answered with content that this server cannot take.');
  }
  const edits: Record<string, Buffer | string | undefined> = { ...content };
  // The answers of 2026-07-28 are bare results too, but some clients stamp every result.
  if (eraOf(from) === 'modern') edits['resultType'] = undefined;
  // Clients write `content: null` beside a decline; the schemas know only absence.
  if (method === 'elicitation/create' && memberValue(object, 'content') === null) edits['content'] = undefined;
  return { result: applyEdits(object, { ...edits, ...editMeta(object, { [META.relatedTask]: undefined }) }) };
}

/** True when the result has the shape that answers a question of `method`. A wrapped `{method, result}` has not. */
export function isAnswerTo(method: string, result: RawObject): boolean {
  if (method === 'elicitation/create') {
    return ['accept', 'decline', 'cancel'].includes(String(memberValue(result, 'action')));
  }
  if (method === 'roots/list') return arrayElements(result, 'roots') !== undefined;
  const content = memberValue(result, 'content');
  return typeof memberValue(result, 'role') === 'string' && typeof content === 'object' && content !== null;
}

function bridgeRefusal(method: string, refusal: Extract<Answer, { error: unknown }>, to: Revision): Answer {
  const action = eraOf(to) === 'modern' ? errorAsAction(method, refusal.error) : undefined;
  return action === undefined ? refusal : { result: action };
}

// Before 2025-11-25 a sampled message holds one block, text or image, and audio since 2025-03-26.
function sampledContent(result: Buffer, object: RawObject, to: Revision): Edits | undefined {
  if (to >= '2025-11-25') return {};
  const blocks = contentBlocks(result);
  const known = to < '2025-03-26' ? ['text', 'image'] : ['text', 'image', 'audio'];
  const [first] = blocks;
  if (first === undefined || !blocks.every((block) => known.includes(String(typeOf(block))))) return undefined;
  if (arrayElements(object, 'content') === undefined) return {};
  if (blocks.length === 1) return { content: first };
  const texts = blocks.map(textOf);
  if (!texts.every((text) => text !== undefined)) return undefined;
  return { content: writeObject({ type: '"text"', text: JSON.stringify(texts.join('\n')) }) };
}

function textOf(block: Buffer): string | undefined {
  const object = scanObject(block);
  if (object === undefined || typeOf(block) !== 'text' || bytesOf(object, 'text') === undefined) return undefined;
  const text = memberValue(object, 'text');
  return typeof text === 'string' ? text : undefined;
}
