import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Connection, readCaller } from './forwarded.ts';

const DIRECT: Connection = { peer: '10.0.0.1', protocol: 'http', isUnnamed: false, httpsPort: undefined };
/** 10.x are the proxies. */
const isTrusted = (address: string): boolean => address.startsWith('10.') || address === 'fc00::1';

function caller(headers: Readonly<Record<string, string>>, connection: Partial<Connection> = {}) {
  const family = 'forwarded' in headers ? 'forwarded' : 'x-forwarded';
  const { address, protocol, host } = readCaller({ ...DIRECT, ...connection }, headers, { family, isTrusted });
  return { address, protocol, host };
}

describe('X-Forwarded-*', () => {
  test.each<[what: string, header: string, address: string]>([
    ['one proxy', '192.0.2.1', '192.0.2.1'],
    ['several proxies', '192.0.2.1, 10.0.0.2, 10.0.0.3', '192.0.2.1'],
    // Attack: the client sends a header of its own, and the proxy appends to it.
    ['what the client wrote is left of what a proxy saw', '127.0.0.1, 203.0.113.9', '203.0.113.9'],
    ['a proxy named by the client is no proxy', '1.1.1.1, 10.0.0.9, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['everybody is a proxy: the furthest', '10.0.0.9, 10.0.0.2', '10.0.0.9'],
    ['a port', '192.0.2.1:4711', '192.0.2.1'],
    ['IPv6', '2001:DB8::1', '2001:db8::1'],
    ['IPv6 with a port', '[2001:db8::1]:4711', '2001:db8::1'],
    ['an IPv4 address as IPv6', '::ffff:192.0.2.1', '192.0.2.1'],
    ['a proxy as IPv6', '192.0.2.1, fc00:0::1', '192.0.2.1'],
    ['nothing', '', '10.0.0.1'],
    ['unknown', '192.0.2.1, unknown', '10.0.0.1'],
    ['nonsense', '192.0.2.1, <script>', '10.0.0.1'],
    ['nonsense further left', '<script>, 10.0.0.7', '10.0.0.7'],
  ])('%s', (_what, header, address) => {
    expect(caller({ 'x-forwarded-for': header }).address).toBe(address);
  });

  test('protocol and host of the hop that is believed', () => {
    const headers = {
      'x-forwarded-for': '6.6.6.6, 192.0.2.1',
      'x-forwarded-proto': 'http, https',
      'x-forwarded-host': 'a',
    };
    expect(caller(headers)).toEqual({ address: '192.0.2.1', protocol: 'https', host: 'a' });
    // Attack: the client sends one more, and the proxy appends to it.
    expect(caller({ 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'https, http' }).protocol).toBe('http');
    expect(caller({ 'x-forwarded-proto': 'HTTPS' }).protocol).toBe('https');
    expect(caller({ 'x-forwarded-proto': 'gopher' }).protocol).toBe('http');
  });
});

describe('Forwarded', () => {
  test.each<[what: string, header: string, expected: object]>([
    ['RFC 7239', 'for=192.0.2.60;proto=https;by=203.0.113.43', { address: '192.0.2.60', protocol: 'https' }],
    ['quoted IPv6 with a port', 'For="[2001:db8:cafe::17]:4711"', { address: '2001:db8:cafe::17' }],
    [
      'several',
      'for=1.1.1.1, for=192.0.2.1;host=a.example, for=10.0.0.3;host=b',
      { address: '192.0.2.1', host: 'a.example' },
    ],
    ['a pseudonym', 'for=192.0.2.1, for=_hidden;proto=https', { address: '10.0.0.1', protocol: 'https' }],
    // Attack: a quote that the client opens and never closes swallows what the proxy appends.
    ['an open quote', 'for="1.1.1.1, for=203.0.113.9', { address: '203.0.113.9' }],
    ['a quoted comma', 'for=1.1.1.1;by="a,b", for=203.0.113.9', { address: '203.0.113.9' }],
    ['a parameter twice', 'for=1.1.1.1;for=2.2.2.2', { address: '10.0.0.1' }],
    ['an element that is none', 'for=1.1.1.1, for', { address: '10.0.0.1' }],
  ])('%s', (_what, header, expected) => {
    expect(caller({ forwarded: header })).toMatchObject(expected);
  });
});

describe('nobody else is believed', () => {
  const lies = {
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.example',
    'x-real-ip': '127.0.0.1',
  };

  // Attack: somebody who reaches the gateway directly says that it is somebody else.
  test('a peer that is not listed', () => {
    expect(caller(lies, { peer: '203.0.113.9' })).toEqual({
      address: '203.0.113.9',
      protocol: 'http',
      host: undefined,
    });
  });

  // Attack: through a proxy that passes bytes on and names nobody, the headers are the client's own.
  test('a listed peer that says nothing of the client', () => {
    expect(caller(lies, { isUnnamed: true })).toEqual({ address: '10.0.0.1', protocol: 'http', host: undefined });
  });

  // Attack: the proxies write one family, the client sends the other.
  test('the other family', () => {
    const headers = { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=127.0.0.1;proto=https;host=evil.example' };
    const options = { family: 'x-forwarded', isTrusted } as const;
    expect(readCaller(DIRECT, headers, options)).toMatchObject({
      address: '192.0.2.1',
      protocol: 'http',
      host: undefined,
    });
  });

  test('whatever stands in the headers, the nearest hop that is no proxy is the caller', () => {
    const junk = fc.string({ unit: fc.constantFrom(...'0123456789.:,;="[] forprtunkow\\'), maxLength: 60 });
    fc.assert(
      fc.property(
        junk,
        fc.ipV4().filter((address) => !isTrusted(address)),
        fc.nat(3),
        (text, client, proxies) => {
          const passed = [...Array(proxies).keys()].map((each) => `10.0.0.${each}`);
          const xff = [text, client, ...passed].join(', ');
          expect(caller({ 'x-forwarded-for': xff }).address).toBe(client);
          const forwarded = [text, ...[client, ...passed].map((each) => `for=${each}`)].join(', ');
          expect(caller({ forwarded }).address).toBe(client);
        },
      ),
    );
  });

  // Attack: a header of thousands of addresses, each of them a proxy's.
  test('no walk without end', () => {
    const many = Array(5_000).fill('10.0.0.2');
    expect(caller({ 'x-forwarded-for': ['192.0.2.1', ...many].join(',') }).address).toBe('10.0.0.2');
    expect(caller({ forwarded: ['192.0.2.1', ...many].map((each) => `for=${each}`).join(',') }).address).toBe(
      '10.0.0.2',
    );
  });
});
