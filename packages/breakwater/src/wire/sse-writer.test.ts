import { describe, expect, it } from 'vitest';
import { SSE_HEADERS, sseComment, sseEvent, sseText } from './sse-writer.ts';

describe('sseEvent', () => {
  it('writes the fields in order', () => {
    const bytes = sseEvent({ event: 'message', id: 'a-1', retry: 1_000, data: Buffer.from('{"x":"é"}') });
    expect(bytes.toString()).toBe('event: message\nid: a-1\nretry: 1000\ndata: {"x":"é"}\n\n');
  });

  it('writes a priming event', () => {
    expect(sseEvent({ id: 'a-0', data: Buffer.alloc(0) }).toString()).toBe('id: a-0\ndata: \n\n');
  });

  it('splits data at every line end', () => {
    expect(sseEvent({ data: Buffer.from('a\nb\rc\r\nd\n') }).toString()).toBe(
      'data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n',
    );
  });

  it('refuses line ends in names and ids', () => {
    // Attack: whoever chooses the id writes an event of his own.
    expect(() => sseEvent({ id: 'a\n\ndata: forged', data: Buffer.alloc(0) })).toThrow(TypeError);
    expect(() => sseEvent({ event: 'a\rb', data: Buffer.alloc(0) })).toThrow(TypeError);
  });
});

describe('sseText', () => {
  it.each([
    { data: Buffer.from('{"x":"é😀\u2028"}') },
    { id: 'a-1', data: Buffer.alloc(0) },
    { event: 'größe €', id: 'é', retry: 5, data: Buffer.from([0xff, 0x00, 0x80]) },
    { data: Buffer.from('a\nb\rc\r\nd\n') },
  ])('is the same bytes: %o', (event) => {
    expect(Buffer.from(sseText(event), 'latin1').equals(sseEvent(event))).toBe(true);
  });

  it('refuses line ends in names and ids', () => {
    // Attack: whoever chooses the id writes an event of his own.
    expect(() => sseText({ id: 'a\n\ndata: forged', data: Buffer.alloc(0) })).toThrow(TypeError);
  });
});

describe('sseComment', () => {
  it('keeps every line a comment', () => {
    expect(sseComment('keep-alive').toString()).toBe(': keep-alive\n\n');
    expect(sseComment('a\n\ndata: forged\r\nb').toString()).toBe(': a\n: \n: data: forged\n: b\n\n');
  });
});

describe('SSE_HEADERS', () => {
  it('keeps proxies from collecting the stream', () => {
    expect(SSE_HEADERS).toEqual({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
  });
});
