import { isDeepStrictEqual } from 'node:util';
import {
  type Edits,
  findMember,
  measureDepth,
  memberBytes,
  memberValue,
  type RawObject,
  scanObject,
} from '../../jsonrpc/raw.ts';
import { eraOf, type Revision } from '../revision.ts';
import { bridgeBlock, lacksContentTypes } from './content.ts';
import { arrayElements, isObjectMember, writeArray, writeObject } from './edits.ts';

/** Values nested deeper are not compared, only repeated. */
const COMPARE_DEPTH = 64;

/**
 * Edits that put a tool result's `content` and `structuredContent` into the form of `to`. Before 2025-06-18 there is no `structuredContent`: it
 * becomes JSON text. Before 2026-07-28 it must be an object: another value is wrapped as `{"result": value}`, like its schema
 * (see `output-schema.ts`).
 */
export function bridgeToolResult(result: RawObject, from: Revision, to: Revision): Edits {
  const structured = findMember(result, 'structuredContent');
  const crosses = eraOf(from) === 'modern' && eraOf(to) === 'legacy';
  const mustWrap = crosses && structured !== undefined && !isObjectMember(result, structured);
  if (!lacksContentTypes(to) && !mustWrap) return {};
  const elements = arrayElements(result, 'content');
  const blocks = elements?.map((block, index) => bridgeBlock(block, to, index)) ?? [];
  const edits: Record<string, Buffer | undefined> = {};
  if (structured !== undefined) {
    const value = memberBytes(result, structured);
    if (lacksContentTypes(to)) {
      edits['structuredContent'] = undefined;
      if (!blocks.some((block) => saysTheSame(block, value))) blocks.push(jsonText(value));
    } else {
      edits['structuredContent'] = writeObject({ result: value });
      if (!blocks.some(isText)) blocks.push(jsonText(value));
    }
  }
  // A `content` that is no array is the server's fault and stays visible as such.
  const canEdit = elements !== undefined || findMember(result, 'content') === undefined;
  const isChanged = blocks.length !== (elements?.length ?? 0) || blocks.some((block, i) => block !== elements?.[i]);
  if (canEdit && isChanged) edits['content'] = writeArray(blocks);
  return edits;
}

function jsonText(value: Buffer): Buffer {
  return Buffer.from(JSON.stringify({ type: 'text', text: value.toString('utf8') }));
}

function textOf(block: Buffer): string | undefined {
  const object = scanObject(block);
  if (object === undefined || memberValue(object, 'type') !== 'text') return undefined;
  const text = memberValue(object, 'text');
  return typeof text === 'string' ? text : undefined;
}

function isText(block: Buffer): boolean {
  return textOf(block) !== undefined;
}

// The specification asks servers to repeat structured content as JSON text (2025-06-18 tools §Structured Content); most do.
function saysTheSame(block: Buffer, value: Buffer): boolean {
  const text = textOf(block);
  if (text === undefined) return false;
  if (text === value.toString('utf8')) return true;
  if (measureDepth(value.toString('latin1'), COMPARE_DEPTH) > COMPARE_DEPTH) return false;
  try {
    const wanted: unknown = JSON.parse(value.toString('utf8'));
    return text === wanted || isDeepStrictEqual(JSON.parse(text), wanted);
  } catch {
    return false; // prose, not JSON
  }
}
