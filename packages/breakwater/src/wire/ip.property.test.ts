import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ipv6Of, isIpv4, readIp } from './ip.ts';

const group = fc.nat(0xffff);
const groups = fc.array(fc.oneof(fc.constant(0), group), { minLength: 8, maxLength: 8 });
const noise = fc.string({ unit: fc.constantFrom(...'0123456789abcdefF:.%/ []'), maxLength: 24 });

test('what is an address, node:net says so too', () => {
  fc.assert(
    fc.property(fc.oneof(noise, fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      // A zone is dropped, whatever it is; node:net has rules for its letters.
      const bare = text.split('%')[0] ?? '';
      if (text !== bare && isIP(bare) !== 6) return;
      expect(readIp(text) !== undefined).toBe(isIP(bare) !== 0);
      expect(isIpv4(text)).toBe(isIP(text) === 4);
    }),
    { numRuns: 2_000 },
  );
});

test('every spelling of an address becomes one text, which is the address', () => {
  fc.assert(
    fc.property(groups, fc.boolean(), (values, isUpper) => {
      const whole = values.map((value) => value.toString(16).padStart(4, '0')).join(':');
      const text = readIp(isUpper ? whole.toUpperCase() : whole) ?? '';
      expect(ipv6Of(Buffer.from(values.flatMap((value) => [value >> 8, value & 255])))).toBe(text);
      expect(readIp(text)).toBe(text);
      expect(text.length).toBeLessThanOrEqual(whole.length);
      const list = new BlockList();
      list.addAddress(whole, 'ipv6');
      expect(list.check(isIP(text) === 4 ? `::ffff:${text}` : text, 'ipv6')).toBe(true);
    }),
  );
});

test.each([
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['192.0.2.01', undefined],
  ['192.0.2', undefined],
  ['3221225985', undefined],
  ['0x7f.1', undefined],
  ['localhost', undefined],
  ['', undefined],
])('%s is %s', (text, expected) => {
  expect(readIp(text)).toBe(expected);
});
