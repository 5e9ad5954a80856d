import { describe, expect, it } from 'vitest';
import { type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import { readRetry, writeInputRequired, writeRetryParams } from './retry-params.ts';

function scan(text: string): RawObject {
  const object = scanObject(Buffer.from(text));
  if (object === undefined) throw new TypeError(text);
  return object;
}

describe('readRetry', () => {
  it('separates the retry from the request', () => {
    const text =
      '{"name":"t", "inputResponses":{"in1":{"action":"accept"}},"arguments":{ "n":1e400 },"requestState":"s\\u00e9"}';
    const retry = readRetry(scan(text));
    expect(retry.requestState).toBe('sé');
    expect(retry.responses?.members.map(({ key }) => key)).toEqual(['in1']);
    expect(retry.params.toString()).toBe('{"name":"t","arguments":{ "n":1e400 }}');
  });

  it('takes members of a wrong type for none, and removes them', () => {
    const retry = readRetry(scan('{"inputResponses":[],"requestState":7}'));
    expect(retry).toEqual({ params: Buffer.from('{}') });
  });

  it('leaves the bytes of a request that is no retry', () => {
    expect(readRetry(scan('{ "name" : "t" }')).params.toString()).toBe('{ "name" : "t" }');
  });
});

describe('writeInputRequired', () => {
  it('escapes the state, not the requests', () => {
    const result = writeInputRequired({ inputRequests: Buffer.from('{"in1": {}}'), requestState: 'a"b' });
    expect(result.toString()).toBe(
      '{"resultType":"input_required","inputRequests":{"in1": {}},"requestState":"a\\"b"}',
    );
  });
});

describe('writeRetryParams', () => {
  it('replaces what the last round left', () => {
    const params = scan('{"name":"t","inputResponses":{"a":1},"requestState":"old"}');
    const retry = { inputResponses: Buffer.from('{"b":{}}'), requestState: undefined };
    expect(writeRetryParams(params, retry).toString()).toBe('{"name":"t","inputResponses":{"b":{}}}');
  });

  it('echoes the state byte for byte, also without params', () => {
    const retry = { inputResponses: undefined, requestState: Buffer.from('"\\u00e9"') };
    expect(writeRetryParams(undefined, retry).toString()).toBe('{"requestState":"\\u00e9"}');
  });
});
