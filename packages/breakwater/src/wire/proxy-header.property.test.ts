import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readIp } from './ip.ts';
import { readProxyHeader } from './proxy-header.ts';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const HTTP = Buffer.from('POST /mcp HTTP/1.1\r\nHost: a\r\n\r\n');

/** A header of version 2; `length` lies where it is given. */
function v2(command: number, family: number, body: Buffer, length = body.length): Buffer {
  const head = Buffer.from([0x20 + command, family, length >> 8, length & 255]);
  return Buffer.concat([SIGNATURE, head, body]);
}

function tlv(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value]);
}

const port = fc.nat(0xffff);
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((each) => Buffer.from(each));
// The TLS TLV has a meaning and a shape of its own.
const tlvs = fc
  .array(
    fc.tuple(
      fc.nat(255).filter((type) => type !== 0x20),
      fc.uint8Array({ maxLength: 40 }),
    ),
    { maxLength: 4 },
  )
  .map((all) => Buffer.concat(all.map(([type, value]) => tlv(type, Buffer.from(value)))));

const valid = fc.oneof(
  fc
    .record({ source: fc.ipV4(), target: fc.ipV4(), port, to: port })
    .map((x) => ({ ...x, bytes: Buffer.from(`PROXY TCP4 ${x.source} ${x.target} ${x.port} ${x.to}\r\n`) })),
  fc
    .record({ source: fc.ipV6(), target: fc.ipV6(), port, to: port })
    .map((x) => ({ ...x, bytes: Buffer.from(`PROXY TCP6 ${x.source} ${x.target} ${x.port} ${x.to}\r\n`) })),
  fc.record({ address: bytes(4), rest: tlvs, port }).map((x) => {
    const ports = Buffer.from([x.port >> 8, x.port & 255, 0, 80]);
    const body = Buffer.concat([x.address, Buffer.from([10, 0, 0, 1]), ports, x.rest]);
    return { source: x.address.join('.'), port: x.port, bytes: v2(1, 0x11, body) };
  }),
  fc.record({ address: bytes(16), rest: tlvs, port }).map((x) => {
    const ports = Buffer.from([x.port >> 8, x.port & 255, 0, 80]);
    const hex = x.address.toString('hex').replace(/(....)(?!$)/g, '$1:');
    const body = Buffer.concat([x.address, Buffer.alloc(16), ports, x.rest]);
    return { source: hex, port: x.port, bytes: v2(1, 0x21, body) };
  }),
);

describe('every header', () => {
  test('is read, cut at each byte, and nothing of what follows is eaten', () => {
    fc.assert(
      fc.property(valid, (header) => {
        const stream = Buffer.concat([header.bytes, HTTP]);
        for (let length = 0; length < header.bytes.length; length++) {
          expect(readProxyHeader(stream.subarray(0, length))).toEqual({ state: 'incomplete' });
        }
        for (let length = header.bytes.length; length <= stream.length; length++) {
          expect(readProxyHeader(stream.subarray(0, length))).toEqual({
            state: 'complete',
            bytes: header.bytes.length,
            header: { kind: 'client', address: readIp(header.source), port: header.port, encrypted: false },
          });
        }
      }),
    );
  });

  test('and any other bytes have an answer, which more bytes do not take back', () => {
    const start = fc.constantFrom(Buffer.alloc(0), SIGNATURE, Buffer.from('PROXY '), Buffer.from('PROXY TCP4 '));
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (first, rest) => {
        const stream = Buffer.concat([first, Buffer.from(rest)]);
        let settled: object | undefined;
        for (let length = 0; length <= stream.length; length++) {
          const reading = readProxyHeader(stream.subarray(0, length));
          if (settled !== undefined) expect(reading).toMatchObject(settled);
          else if (reading.state !== 'incomplete') settled = { state: reading.state };
        }
      }),
      { numRuns: 500 },
    );
  });
});

const ADDRESSES = Buffer.from([192, 0, 2, 1, 10, 0, 0, 1, 0x11, 0x11, 0, 80]);

describe('attacks', () => {
  test.each<[what: string, bytes: Buffer]>([
    ['no header at all: an HTTP request', HTTP],
    ['a line that never ends', Buffer.from(`PROXY TCP4 ${'1'.repeat(120)}`)],
    ['an unknown kind that never ends', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(120)}`)],
    [
      'LF alone, with a request in the same line for who splits otherwise',
      Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 1 2\nGET / HTTP/1.1\r\n\r\n'),
    ],
    ['CR alone', Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX')],
    ['a second line hidden in the first', Buffer.from('PROXY UNKNOWN\u0000\r\n')],
    ['lower case', Buffer.from('proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n')],
    ['another family', Buffer.from('PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n')],
    ['an IPv6 address in TCP4', Buffer.from('PROXY TCP4 ::1 2.2.2.2 1 2\r\n')],
    ['an IPv4 address in TCP6', Buffer.from('PROXY TCP6 1.1.1.1 ::1 1 2\r\n')],
    ['a name', Buffer.from('PROXY TCP4 abc 2.2.2.2 1 2\r\n')],
    ['leading zeros, which some read as octal', Buffer.from('PROXY TCP4 010.0.0.1 2.2.2.2 1 2\r\n')],
    ['a port too large', Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n')],
    ['a port with a sign', Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n')],
    ['two spaces', Buffer.from('PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n')],
    ['something after the ports', Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n')],
    ['an unknown version', Buffer.concat([SIGNATURE, Buffer.from([0x11, 0x11, 0, 12]), ADDRESSES])],
    ['an unknown command', v2(2, 0x11, ADDRESSES)],
    ['an unknown family', v2(1, 0x41, ADDRESSES)],
    ['datagrams', v2(1, 0x12, ADDRESSES)],
    ['addresses cut off by the length', v2(1, 0x11, ADDRESSES, 11)],
    ['IPv6 that has only room for IPv4', v2(1, 0x21, ADDRESSES)],
    ['64 KiB announced, said before a byte of them came', v2(1, 0x11, Buffer.alloc(0), 0xffff)],
    ['64 KiB of LOCAL', v2(0, 0, Buffer.alloc(0), 0xffff)],
    ['a TLV that goes on after the header', v2(1, 0x11, Buffer.concat([ADDRESSES, Buffer.from([4, 0, 9, 0])]))],
    ['half the head of a TLV', v2(1, 0x11, Buffer.concat([ADDRESSES, Buffer.from([4])]))],
    ['a TLS TLV without its flags', v2(1, 0x11, Buffer.concat([ADDRESSES, tlv(0x20, Buffer.from([1]))]))],
    ['a signature with one byte wrong', Buffer.from('\r\n\r\n\0\r\nQUIX\n', 'latin1')],
  ])('%s', (_what, attack) => {
    expect(readProxyHeader(attack)).toMatchObject({ state: 'invalid' });
  });
});

describe('who is not named', () => {
  test.each<[what: string, bytes: Buffer]>([
    ['PROXY UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')],
    ['PROXY UNKNOWN with addresses, which count for nothing', Buffer.from('PROXY UNKNOWN ::1 ::2 1 2\r\n')],
    ['LOCAL: a health check', v2(0, 0, Buffer.alloc(0))],
    ['LOCAL with addresses, which count for nothing', v2(0, 0x11, ADDRESSES)],
    ['LOCAL of an unknown family', v2(0, 0x77, Buffer.from([1, 2, 3]))],
    ['an unspecified family', v2(1, 0x00, Buffer.from([1, 2, 3]))],
    ['a UNIX socket', v2(1, 0x31, Buffer.alloc(216))],
  ])('%s', (_what, header) => {
    const stream = Buffer.concat([header, HTTP]);
    expect(readProxyHeader(stream)).toEqual({ state: 'complete', bytes: header.length, header: { kind: 'unnamed' } });
  });
});

test.each([
  [0x01, true],
  [0x07, true],
  [0x00, false],
  [0x06, false],
])('TLS of the client, flags %i: %s', (flags, encrypted) => {
  const ssl = tlv(0x20, Buffer.concat([Buffer.from([flags, 0, 0, 0, 0]), tlv(0x21, Buffer.from('TLSv1.3'))]));
  const header = v2(1, 0x11, Buffer.concat([ADDRESSES, tlv(4, Buffer.alloc(3)), ssl]));
  expect(readProxyHeader(header)).toMatchObject({ header: { address: '192.0.2.1', port: 0x1111, encrypted } });
});
