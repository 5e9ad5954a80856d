import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseParser, type SseEvent, type SseFault } from './sse-parser.ts';
import { sseComment, sseEvent } from './sse-writer.ts';

interface Seen {
  readonly events: readonly { event: string; data: string; id: string | undefined; retry: number | undefined }[];
  readonly comments: readonly string[];
  readonly faults: readonly SseFault[];
}

function parse(chunks: readonly (Buffer | string)[], maxEventBytes = 1_000_000): Seen {
  const events: SseEvent[] = [];
  const comments: string[] = [];
  const faults: SseFault[] = [];
  const parser = createSseParser((event) => events.push(event), {
    maxEventBytes,
    onComment: (text) => comments.push(text),
  });
  for (const chunk of chunks) {
    const fault = parser.push(Buffer.from(chunk));
    if (fault !== undefined) faults.push(fault);
  }
  parser.end();
  return {
    events: events.map(({ event, data, id, retry }) => ({ event, data: data.toString('latin1'), id, retry })),
    comments,
    faults,
  };
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((c) => c % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, i) => bytes.subarray(start, at[i] ?? bytes.length));
}

const message = { event: 'message', id: undefined, retry: undefined };

describe('createSseParser', () => {
  it('reads every field, with and without the space after the colon', () => {
    const { events } = parse(['event: endpoint\ndata:/messages?x=1\nid: 7\nretry: 1500\n\n']);
    expect(events).toEqual([{ event: 'endpoint', data: '/messages?x=1', id: '7', retry: 1500 }]);
  });

  it.each(['\n', '\r', '\r\n'])('ends lines at %j', (end) => {
    const { events } = parse([['data: a', 'data: b', '', 'data: c', '', ''].join(end)]);
    expect(events).toEqual([
      { ...message, data: 'a\nb' },
      { ...message, data: 'c' },
    ]);
  });

  it('takes a CRLF that the chunks cut in two for one line end', () => {
    expect(parse(['data: a\r', '\ndata: b\r', '\n\r', '\n']).events).toEqual([{ ...message, data: 'a\nb' }]);
  });

  it('does not wait for a LF after CR', () => {
    expect(parse(['data: a\r\r']).events).toEqual([{ ...message, data: 'a' }]);
  });

  it('ignores one byte order mark at the start only, however it is cut', () => {
    expect(parse(['\ufeffdata: a\n\n\ufeffdata: b\n\n']).events).toEqual([{ ...message, data: 'a' }]);
    expect(parse([Buffer.from([0xef]), Buffer.from([0xbb]), Buffer.from([0xbf]), 'data: a\n\n']).events).toHaveLength(
      1,
    );
  });

  it('delivers a priming event: an id without data (2025-11-25)', () => {
    const { events } = parse(['id: s-0\ndata: \n\n', 'id: s-1\n\n', 'id\n\n', 'retry: 10\n\n']);
    expect(events).toEqual([
      { ...message, data: '', id: 's-0' },
      { ...message, data: '', id: 's-1' },
      { ...message, data: '', id: '' },
      { ...message, data: '', retry: 10 },
    ]);
  });

  it('delivers empty data, but no event for a name or an unknown field alone', () => {
    expect(parse(['event: x\n\n', 'dat: y\n\n', 'datax: y\n\n', '\n\n']).events).toEqual([]);
    expect(parse(['data\n\n', 'data:\ndata:\n\n']).events).toEqual([
      { ...message, data: '' },
      { ...message, data: '\n' },
    ]);
  });

  it('does not carry the name or the id over to the next event', () => {
    const { events } = parse(['event: a\nid: 1\ndata: x\n\ndata: y\n\n']);
    expect(events[1]).toEqual({ ...message, data: 'y' });
  });

  it('ignores an id with NUL and a retry that is no number', () => {
    expect(parse(['id: a\0b\ndata: x\nretry: 1s\nretry: -1\nretry:\n\n']).events).toEqual([{ ...message, data: 'x' }]);
  });

  it('reports comments and keeps only what belongs to the event', () => {
    const { events, comments } = parse([': ping\n\n:\n:two\ndata: x\n: in between\ndata: y\n\n']);
    expect(events).toEqual([{ ...message, data: 'x\ny' }]);
    expect(comments).toEqual(['ping', '', 'two', 'in between']);
  });

  it('discards an event that the end of the stream cuts off', () => {
    expect(parse(['data: {"half":']).events).toEqual([]);
    expect(parse(['data: whole\n']).events).toEqual([]);
  });

  it('drops an over-long event whole, says so once, and reads on', () => {
    const { events, faults } = parse([`id: 3\ndata: ${'x'.repeat(50)}`, 'xx\ndata: more\n', '\ndata: ok\n\n'], 40);
    expect(faults).toEqual([{ kind: 'event-too-large', maxEventBytes: 40, id: '3' }]);
    expect(events).toEqual([{ ...message, data: 'ok' }]);
  });

  it('adds up the lines of one event', () => {
    // Attack: each line is short, the event never ends.
    expect(parse(['data: 0123456789\n'.repeat(10)], 60).faults).toHaveLength(1);
  });

  it('does not add up comments: keep-alives inside of a long event are no event', () => {
    expect(parse([': keep-alive\n'.repeat(1_000), 'data: x\n\n'], 60).events).toHaveLength(1);
  });

  it('does not let the dropped bytes of one event end another', () => {
    const { events } = parse([`data: ${'x'.repeat(50)}\r`, '\n\r', '\ndata: ok\r\n\r\n'], 40);
    expect(events).toEqual([{ ...message, data: 'ok' }]);
  });

  it('gives the same events however the bytes are cut', () => {
    const piece = fc.constantFrom(
      'data',
      'id',
      'event',
      'retry',
      ':',
      ' ',
      '\n',
      '\r',
      '\r\n',
      'x',
      '12',
      '\ufeff',
      'é',
      '\0',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.array(fc.nat(), { maxLength: 20 }), (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''));
        for (const limit of [20, 1_000]) {
          const whole = parse([bytes], limit);
          const parts = parse(cut(bytes, cuts), limit);
          expect(parts.events).toEqual(whole.events);
          expect(parts.comments).toEqual(whole.comments);
          expect(parts.faults.length > 0).toBe(whole.faults.length > 0);
        }
      }),
    );
  });

  it('gives the same events of whole ones, in the plain spelling or not, however they are cut', () => {
    // A CR in a comment in front makes it read everything line by line.
    const piece = fc.constantFrom(
      'event: message\ndata: {"a":1}\n\n',
      'data: x\n\n',
      'id: s-1\ndata: é€\n\n',
      'event: message\nid: 7\ndata: y\n\n',
      'id: 8\nevent: message\ndata: y\n\n',
      'event: message\nid: é\ndata: y\n\n',
      'event: message\nid: a\0b\ndata: y\n\n',
      'event: other\ndata: z\n\n',
      'event: message\n\n',
      'event: message\n',
      'id: 9\n',
      'id: 9\n\n',
      'data: \n\n',
      'data:tight\n\n',
      'data:  two\n\n',
      'data: a\ndata: b\n\n',
      'data: a\nretry: 5\n\n',
      ': ping\n\n',
      '\n',
      'retry: 10\n\n',
      '\ufeff',
      'data: y',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 6 }), (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''));
        for (const limit of [16, 1_000]) {
          const byLine = parse([Buffer.from(':\r'), bytes], limit);
          const expected = byLine.events;
          const seen = parse([Buffer.from(':\n'), bytes], limit);
          expect(seen.events).toEqual(expected);
          expect(seen.faults).toEqual(byLine.faults);
          const parts = parse([Buffer.from(':\n'), ...cut(bytes, cuts)], limit);
          expect(parts.events).toEqual(expected);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives the data as text, too, where it made it anyway', () => {
    const seen: SseEvent[] = [];
    const parser = createSseParser((event) => seen.push(event), { maxEventBytes: 1_000 });
    parser.push(Buffer.from('id: 1\ndata: é\n\ndata: a\ndata: b\n\n'));
    expect(seen.map(({ data, text }) => [data.toString('latin1'), text])).toEqual([
      ['Ã©', 'Ã©'],
      ['a\nb', undefined],
    ]);
  });

  it('reads what the writer writes', () => {
    const word = fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n\0]/.test(text));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), word, word, fc.nat(), (text, event, id, retry) => {
        const bytes = Buffer.concat([sseComment(text), sseEvent({ event, id, retry, data: Buffer.from(text) })]);
        const seen: SseEvent[] = [];
        createSseParser((one) => seen.push(one), { maxEventBytes: 10_000 }).push(bytes);
        expect(seen.map(({ text: _, ...one }) => ({ ...one, data: one.data.toString() }))).toEqual([
          { event: event === '' ? 'message' : event, data: text.replace(/\r\n?/g, '\n'), id, retry },
        ]);
      }),
    );
  });

  it('reads one big line from very many chunks', () => {
    // Attack: 4 MB in pieces of 16 bytes; joining at every piece would copy half a terabyte and run into the test's time limit.
    const piece = Buffer.alloc(16, 'x');
    const seen: SseEvent[] = [];
    const parser = createSseParser((event) => seen.push(event), { maxEventBytes: 5_000_000 });
    parser.push(Buffer.from('data: '));
    for (let i = 0; i < 262_144; i++) parser.push(piece);
    parser.push(Buffer.from('\n\n'));
    expect(seen[0]?.data.length).toBe(4_194_304);
  });
});
