import { type Edits, memberValue, type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import type { CapabilityProfile } from '../../capabilities.ts';
import type { Revision } from '../../revision.ts';
import { applyEdits, arrayElements, bytesOf, writeArray } from '../edits.ts';

/** Edits for a sampling request, or the sentence that says why the client cannot take it. */
export type SamplingEdits =
  | { readonly ok: true; readonly edits: Edits }
  | { readonly ok: false; readonly message: string };

/** Puts the messages of a sampling request into the form of `to`; what the client did not declare or could not read is refused. */
export function bridgeSampling(params: RawObject, profile: CapabilityProfile, to: Revision): SamplingEdits {
  const messages = arrayElements(params, 'messages') ?? [];
  const types = new Set(messages.flatMap((message) => contentBlocks(message).map(typeOf)));
  const wantsTools =
    bytesOf(params, 'tools') !== undefined ||
    bytesOf(params, 'toolChoice') !== undefined ||
    types.has('tool_use') ||
    types.has('tool_result');
  // 2025-11-25 client/sampling: a client without `sampling.tools` must refuse, so dropping the tools would be another question.
  if (wantsTools && !(profile.samplingTools && to >= '2025-11-25')) {
    return { ok: false, message: 'This client did not declare sampling.tools.' };
  }
  if (types.has('audio') && to < '2025-03-26') return { ok: false, message: 'This client cannot take audio.' };
  if (to >= '2025-11-25') return { ok: true, edits: {} };
  const split = messages.flatMap(splitMessage);
  const isSame = split.length === messages.length && split.every((message, index) => message === messages[index]);
  return { ok: true, edits: isSame ? {} : { messages: writeArray(split) } };
}

/** The content blocks of a sampling message or result, whether it holds one or an array. */
export function contentBlocks(message: Buffer): readonly Buffer[] {
  const object = scanObject(message);
  if (object === undefined) return [];
  const content = bytesOf(object, 'content');
  return arrayElements(object, 'content') ?? (content === undefined ? [] : [content]);
}

/** The `type` of a content block. */
export function typeOf(block: Buffer): unknown {
  const object = scanObject(block);
  return object === undefined ? undefined : memberValue(object, 'type');
}

// Before 2025-11-25 a message holds one block: several blocks are several messages of the same role.
function splitMessage(message: Buffer): readonly Buffer[] {
  const object = scanObject(message);
  const blocks = object === undefined ? undefined : arrayElements(object, 'content');
  if (object === undefined || blocks === undefined) return [message];
  return blocks.map((block) => applyEdits(object, { content: block }));
}
