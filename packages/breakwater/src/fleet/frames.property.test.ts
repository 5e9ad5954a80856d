import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeFrame, type Frame, FrameReader } from './frames.ts';

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const frame = fc.record({
  type: fc.nat(255),
  call: fc.nat(0xffff_fffe),
  head: fc.dictionary(fc.string(), fc.jsonValue()).map((head) => JSON.parse(JSON.stringify(head)) as object),
  parts: fc.array(fc.option(bytes, { nil: undefined }), { maxLength: 4 }),
});

/** Cuts bytes where the numbers say. */
function cut(whole: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((n) => n % (whole.length + 1)))].sort((a, b) => a - b);
  const edges = [0, ...at, whole.length];
  return edges.slice(1).map((end, i) => whole.subarray(edges[i], end));
}

test('frames arrive as they were written, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 20 }), (frames, cuts) => {
      const whole = Buffer.concat(frames.flatMap((each) => encodeFrame(each as Frame)));
      const reader = new FrameReader();
      const read = cut(whole, cuts).flatMap((chunk): readonly (Frame | string)[] => reader.push(chunk) ?? ['broken']);
      expect(read).toEqual(frames);
    }),
  );
});

test('whatever arrives, reading ends, and what follows something that is no frame is not read', () => {
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 10 }), (chunks) => {
      const reader = new FrameReader(1_000);
      let isBroken = false;
      for (const chunk of chunks) {
        const frames = reader.push(chunk);
        if (isBroken) expect(frames).toBeUndefined();
        isBroken = frames === undefined;
      }
    }),
  );
});

test('an altered frame is another frame or none, never more bytes than arrived', () => {
  fc.assert(
    fc.property(frame, fc.nat(), fc.nat(255), (one, at, value) => {
      const whole = Buffer.concat(encodeFrame(one as Frame));
      whole[at % whole.length] = value;
      const frames = new FrameReader().push(whole) ?? [];
      const size = frames.flatMap(({ parts }) => parts).reduce((sum, part) => sum + (part?.length ?? 0), 0);
      expect(size).toBeLessThanOrEqual(whole.length);
    }),
  );
});

test('attack: a frame said to be longer than any is refused at its first four bytes', () => {
  const reader = new FrameReader(1_000);
  expect(reader.push(Buffer.from([0x7f, 0xff, 0xff, 0xff]))).toBeUndefined();
  expect(reader.push(Buffer.concat(encodeFrame({ type: 1 })))).toBeUndefined();
});

test('a head that is no JSON object breaks the stream', () => {
  for (const head of ['[]', '1', '{', '"x"']) {
    const whole = Buffer.concat(encodeFrame({ type: 1, head: { a: 'bcdefgh' }, parts: [] }));
    const at = whole.indexOf('{');
    const text = head.padEnd(whole.length - at);
    whole.write(text, at);
    expect(new FrameReader().push(whole)).toBeUndefined();
  }
});
