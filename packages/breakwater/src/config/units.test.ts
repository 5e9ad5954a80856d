import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts';

describe('parseDuration', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['1.5h', 5_400_000],
    ['24d', 2_073_600_000],
    [1500, 1500],
  ])('reads %s', (text, value) => expect(parseDuration(text)).toEqual({ ok: true, value }));

  it.each([
    '',
    '5',
    '5 m',
    '5min',
    '-5s',
    '1h30m',
    '5S',
    '.5s',
    'Infinity',
    '1e3ms',
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ])('refuses %s', (text) => expect(parseDuration(text).ok).toBe(false));

  // A timer of more than 2^31-1 ms fires at once: "30d" would end every session the moment it began.
  it.each(['30d', '0ms', 0, -1, 2 ** 31])('refuses %s, which no timer can wait for', (text) =>
    expect(parseDuration(text).ok).toBe(false),
  );

  it('reads back what formatDuration writes', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_073_600_000 }), (value) => {
        expect(parseDuration(formatDuration(value))).toEqual({ ok: true, value });
      }),
    ));
});

describe('parseSize', () => {
  it.each([
    ['512B', 512],
    ['16KiB', 16_384],
    ['4MiB', 4_194_304],
    ['1GB', 1_000_000_000],
    ['0.5KiB', 512],
    [64, 64],
  ])('reads %s', (text, value) => expect(parseSize(text)).toEqual({ ok: true, value }));

  it.each(['', '4', '4 MiB', '4mib', '4M', '-1B', '0B', 0, 1.5, '99999999GiB'])('refuses %s', (text) =>
    expect(parseSize(text).ok).toBe(false),
  );

  it('reads back what formatSize writes', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 45 }), (value) => {
        expect(parseSize(formatSize(value))).toEqual({ ok: true, value });
      }),
    ));
});
