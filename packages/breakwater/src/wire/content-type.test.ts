import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptsOf, isJsonMediaType, isSseMediaType, mediaTypeOf } from './content-type.ts';

describe('mediaTypeOf', () => {
  it('reads type and parameters', () => {
    const media = mediaTypeOf(' Application/JSON ; Charset=UTF-8; x="a;,\\"b"; x=second');
    expect(media?.essence).toBe('application/json');
    expect([...(media?.parameters ?? [])]).toEqual([
      ['charset', 'UTF-8'],
      ['x', 'a;,"b'],
    ]);
  });

  it.each(['application/json;', 'application/json; charset', 'application/json; =x', 'application/json;;'])(
    'does not refuse a type for its malformed parameters: %s',
    (header) => expect(mediaTypeOf(header)?.essence).toBe('application/json'),
  );

  it.each([undefined, '', 'json', '/', 'a/', 'application/json, text/plain', 'a b/c', 'application/json/x'])(
    'is undefined for %s',
    (header) => expect(mediaTypeOf(header)).toBeUndefined(),
  );

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        mediaTypeOf(header);
        acceptsOf(header);
      }),
    );
  });
});

describe('isJsonMediaType', () => {
  it.each([
    ['application/json', true],
    ['APPLICATION/JSON; charset=utf-8', true],
    ['application/vnd.api+json', true],
    // Attack: a "simple" cross-site form post that names JSON in a parameter only.
    ['text/plain; a=application/json', false],
    ['text/json', false],
    ['application/json5', false],
    ['application/x-www-form-urlencoded', false],
    [undefined, false],
  ])('%s is %s', (header, expected) => expect(isJsonMediaType(header)).toBe(expected));
});

describe('isSseMediaType', () => {
  it('ignores parameters', () => {
    expect(isSseMediaType('text/event-stream;charset=utf-8')).toBe(true);
    expect(isSseMediaType('application/json')).toBe(false);
  });
});

describe('acceptsOf', () => {
  it.each([
    ['application/json, text/event-stream', 'json sse explicitJson explicitSse'],
    ['application/json', 'json explicitJson'],
    ['text/event-stream', 'sse explicitSse'],
    [undefined, 'json sse any'],
    ['', 'json sse any'],
    ['*/*', 'json sse any'],
    ['application/*', 'json'],
    ['text/*', 'sse'],
    ['text/html, */*;q=0.1', 'json sse any'],
    ['*/*;q=0', ''],
    ['*/*, text/event-stream;q=0', 'json any'],
    ['text/*;q=0, text/event-stream', 'sse explicitSse'],
    ['Application/JSON;charset=utf-8;Q=0.5 , TEXT/event-stream', 'json sse explicitJson explicitSse'],
    ['application/json;q=abc', 'json explicitJson'],
    ['application/json;x=",text/event-stream"', 'json explicitJson'],
    ['text/html', ''],
    ['json', ''],
  ])('%s allows %s', (header, expected) => {
    const accepts = acceptsOf(header);
    const names = (['json', 'sse', 'explicitJson', 'explicitSse', 'any'] as const).filter((name) => accepts[name]);
    expect(names.join(' ')).toBe(expected);
  });
});
