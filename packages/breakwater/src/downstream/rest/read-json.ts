import { isUtf8 } from 'node:buffer';
import { hasDuplicateKey, measureDepth, type RawObject, scanObject } from '../../jsonrpc/raw.ts';
import { readBody } from '../body.ts';
import { isJsonBody } from '../post.ts';
import { type RestRequest, refuseRest } from './request.ts';

const EMPTY = Buffer.from('{}');

/** Reads the body as one JSON object; an empty body is an empty object. Undefined when it was refused or nobody is left to answer. */
export async function readJsonObject(request: RestRequest): Promise<RawObject | undefined> {
  if (!isJsonBody(request)) {
    refuseRest(request, 'body.media-type');
    return undefined;
  }
  const { limits, readMs } = request.context.options;
  const read = await readBody(request.req, { bodyBytes: limits.bodyBytes, readMs }, request.context.deps.clock);
  if (!read.ok) {
    if (read.reason === 'too-large') refuseRest(request, 'body.too-large');
    else if (read.reason === 'timeout') refuseRest(request, 'body.timeout', { close: true });
    return undefined;
  }
  const bytes = read.bytes.length === 0 ? EMPTY : read.bytes;
  const fault = faultOf(bytes, limits.jsonDepth);
  const object = fault === undefined ? scanObject(bytes) : undefined;
  if (object === undefined) {
    refuseRest(request, fault === undefined ? 'body.invalid' : fault.code, {
      detail: fault?.detail ?? 'The body must be one JSON object.',
    });
  }
  return object;
}

function faultOf(
  bytes: Buffer,
  jsonDepth: number,
): { code: 'body.parse' | 'body.invalid'; detail: string } | undefined {
  if (!isUtf8(bytes)) return { code: 'body.parse', detail: 'The body is not valid UTF-8.' };
  const view = bytes.toString('latin1');
  if (measureDepth(view, jsonDepth) > jsonDepth) {
    return { code: 'body.invalid', detail: `The body nests deeper than ${jsonDepth} levels.` };
  }
  try {
    JSON.parse(bytes.toString('utf8'));
  } catch {
    return { code: 'body.parse', detail: 'The body is not valid JSON.' };
  }
  // Two readers of a repeated member could see two different requests.
  const object = scanObject(bytes, 0, view);
  return object !== undefined && hasDuplicateKey(object)
    ? { code: 'body.invalid', detail: 'A member of the body occurs twice.' }
    : undefined;
}
