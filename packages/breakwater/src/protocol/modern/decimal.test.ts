import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeDecimal } from './decimal.ts';

describe('normalizeDecimal', () => {
  it.each(['42', '42.0', '42.000', '042', '4.2e1', '420e-1', '0.42E+2'])('%s is 42', (text) => {
    expect(normalizeDecimal(text)).toBe(normalizeDecimal('42'));
  });

  it.each(['0', '-0', '0.0', '0e99', '-0.000'])('%s is 0', (text) => expect(normalizeDecimal(text)).toBe('0'));

  it('tells neighbours beyond 2^53 apart', () => {
    expect(normalizeDecimal('9007199254740993')).not.toBe(normalizeDecimal('9007199254740992'));
    expect(normalizeDecimal('-9007199254740993.0')).toBe(normalizeDecimal('-9007199254740993'));
  });

  it.each(['', '-', '1.', '.5', '0x10', '1e', ' 1', 'NaN', '1e9999999999999999999'])('refuses %j', (text) => {
    expect(normalizeDecimal(text)).toBeUndefined();
  });

  it('agrees with numbers', () => {
    const integer = fc.oneof(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), fc.bigInt({ min: -20n, max: 20n }));
    fc.assert(
      fc.property(integer, integer, (a, b) => {
        expect(normalizeDecimal(String(a)) === normalizeDecimal(`${b}.00`)).toBe(a === b);
      }),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(normalizeDecimal(value.toExponential())).toBe(normalizeDecimal(String(value)));
      }),
    );
  });
});
