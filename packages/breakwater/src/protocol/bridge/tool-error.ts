import { encodeJson } from '../../jsonrpc/raw.ts';
import { eraOf, type Revision } from '../revision.ts';

/** A `tools/call` result in the form of `to` that tells the model what went wrong. */
export function writeToolError(text: string, to: Revision): Buffer {
  const result = { content: [{ type: 'text', text }], isError: true };
  return encodeJson(eraOf(to) === 'modern' ? { resultType: 'complete', ...result } : result);
}
