import { memberObject, memberValue, type RawObject, scanObject } from '../../jsonrpc/raw.ts';
import type { Revision } from '../revision.ts';
import { applyEdits, bytesOf, writeObject } from './edits.ts';

/** Everything a resource link says beside `annotations` and `_meta`, which a text block has too. */
const LINK_KEYS = { uri: undefined, title: undefined, description: undefined, mimeType: undefined } as const;

/** True when some content block of a later revision is unknown to clients of `to`. */
export function lacksContentTypes(to: Revision): boolean {
  return to < '2025-06-18';
}

/**
 * One content block in the form of `to`; the same bytes where `to` has the type. Clients check blocks against a closed union, so that one
 * unknown type makes them refuse the whole result.
 */
export function bridgeBlock(block: Buffer, to: Revision, index: number): Buffer {
  if (!lacksContentTypes(to)) return block;
  const object = scanObject(block);
  if (object === undefined) return block;
  const type = memberValue(object, 'type');
  if (type === 'resource_link') return linkToText(object);
  if (type === 'audio' && to < '2025-03-26') return audioToResource(object, index) ?? block;
  return block;
}

/** One prompt message with its content in the form of `to`; the same bytes where nothing changes. */
export function bridgePromptMessage(message: Buffer, to: Revision, index: number): Buffer {
  const object = lacksContentTypes(to) ? scanObject(message) : undefined;
  const content = object === undefined ? undefined : memberObject(object, 'content');
  if (object === undefined || content === undefined) return message;
  const block = content.bytes.subarray(content.start, content.end);
  const bridged = bridgeBlock(block, to, index);
  return bridged === block ? message : applyEdits(object, { content: bridged });
}

function linkToText(link: RawObject): Buffer {
  const parts = [memberValue(link, 'name'), memberValue(link, 'uri')].filter((part) => typeof part === 'string');
  const text = JSON.stringify(parts.join(': '));
  return applyEdits(link, { ...LINK_KEYS, name: undefined, size: undefined, icons: undefined, type: '"text"', text });
}

// 2024-11-05 carries bytes of any kind only as an embedded resource, whose uri is required: it names the block's place, nothing to fetch.
function audioToResource(audio: RawObject, index: number): Buffer | undefined {
  const blob = bytesOf(audio, 'data');
  if (blob === undefined) return undefined;
  const uri = JSON.stringify(`embedded://audio/${index + 1}`);
  const resource = writeObject({ uri, mimeType: bytesOf(audio, 'mimeType'), blob });
  return applyEdits(audio, { type: '"resource"', resource, data: undefined, mimeType: undefined });
}
