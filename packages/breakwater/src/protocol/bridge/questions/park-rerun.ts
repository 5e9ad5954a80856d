import { memberObject, memberValue, type RawObject } from '../../../jsonrpc/raw.ts';
import { bytesOf } from '../edits.ts';
import { isAnswerTo } from './answer-form.ts';
import { readEntries } from './entries.ts';

/**
 * The answers a client brings to a call whose node is lost, by question: `inputRequests` is what it was asked in its last round. A tool that says
 * that repeating it does no harm may be run again once with these (eras.md §2.5).
 */
export function givenAnswers(inputRequests: RawObject, responses: RawObject): ReadonlyMap<string, Buffer> {
  const given = new Map<string, Buffer>();
  for (const [key] of readEntries(inputRequests) ?? []) {
    const question = memberObject(inputRequests, key);
    const response = memberObject(responses, key);
    const method = question === undefined ? undefined : memberValue(question, 'method');
    if (question === undefined || response === undefined || typeof method !== 'string') continue;
    if (!isAnswerTo(method, response)) continue;
    given.set(questionText(method, bytesOf(question, 'params')), response.bytes.subarray(response.start, response.end));
  }
  return given;
}

/** What makes two questions the same one: method and params, byte for byte. */
export function questionText(method: string, params: Buffer | undefined): string {
  return `${method} ${params?.toString('latin1') ?? ''}`;
}
