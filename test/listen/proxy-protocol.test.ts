/** PROXY protocol headers on real sockets: strict, from listed proxies alone, and over before HTTP begins. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, HOST } from './support/certificates.ts';
import { startServing } from './support/serving.ts';
import { ask, ping, sendBytes } from './support/wire.ts';

const FROM_LISTED = { listen: { proxyProtocol: true }, trustedProxies: ['loopback'] };
/** This machine is not one of the proxies. */
const FROM_OTHERS = { listen: { proxyProtocol: true }, trustedProxies: ['10.0.0.0/8'] };

const V1 = 'PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n';
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';

function v2(body: Buffer, { command = 1, family = 0x11 } = {}): Buffer {
  const head = Buffer.from([0x20 + command, family, body.length >> 8, body.length & 255]);
  return Buffer.concat([Buffer.from(SIGNATURE, 'latin1'), head, body]);
}

const ADDRESSES = Buffer.from([203, 0, 113, 9, 10, 0, 0, 1, 0x12, 0x67, 1, 0xbb]);
const SSL = Buffer.from([0x20, 0, 5, 1, 0, 0, 0, 0]);

function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Connection: close\r\n\r\n`;
}

function statusOf(answer: string): string {
  return answer.slice(9, 12);
}

describe('a listed proxy', () => {
  test.each<[what: string, header: Buffer | string, address: string]>([
    ['version 1', V1, '203.0.113.9'],
    ['version 1, IPv6', 'PROXY TCP6 2001:db8::9 ::1 4711 443\r\n', '2001:db8::9'],
    ['version 2', v2(ADDRESSES), '203.0.113.9'],
    ['version 2 with TLVs', v2(Buffer.concat([ADDRESSES, Buffer.from([4, 0, 2, 0, 0])])), '203.0.113.9'],
    ['nobody named: its own address', 'PROXY UNKNOWN\r\n', '127.0.0.1'],
    ['its own health check', v2(Buffer.alloc(0), { command: 0, family: 0 }), '127.0.0.1'],
  ])('%s', async (_what, header, address) => {
    await using gateway = await startServing(FROM_LISTED);
    expect(
      statusOf(await sendBytes(gateway.port, [Buffer.concat([Buffer.from(header), Buffer.from(get('/no'))])])),
    ).toBe('404');
    expect(await gateway.logged({ message: 'refused' })).toMatchObject({ address });
    // And cut at each byte.
    const bytes = [...Buffer.from(header)].map((byte) => Buffer.from([byte]));
    expect(statusOf(await sendBytes(gateway.port, [...bytes, get('/mcp')]))).toBe('200');
  });

  test('keeps the connection: requests that follow have the same caller', async () => {
    await using gateway = await startServing(FROM_LISTED);
    const next = 'GET /no HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const answer = await sendBytes(gateway.port, [`${V1}${next}`, next, get('/no')]);
    expect(answer.match(/HTTP\/1\.1 404/g)).toHaveLength(3);
    expect(gateway.addresses()).toEqual(Array(3).fill('203.0.113.9'));
  });

  test('says whether the client came over TLS', async () => {
    await using gateway = await startServing({ ...FROM_LISTED, allowedHosts: [HOST] });
    const told = await sendBytes(gateway.port, [v2(Buffer.concat([ADDRESSES, SSL])), get('/mcp')]);
    expect(told).toContain('"canonical_endpoint":"https://localhost/mcp"');
    expect(await sendBytes(gateway.port, [v2(ADDRESSES), get('/mcp')])).toContain('"http://localhost/mcp"');
  });

  // Attack: bytes after the header that another reader would take for more of it. Only HTTP may follow, and its caller stays the one that was named.
  test.each<[what: string, rest: string, status: string]>([
    ['a second header', `PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n${get('/no')}`, '400'],
    ['a second header in binary', `${SIGNATURE}\x21\x11\x00\x0c${'\x7f\x00\x00\x01'.repeat(3)}${get('/no')}`, '400'],
    ['a request within the request', get('/no', 'X: a\r\nPROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n'), '400'],
    [
      'a header of the same name',
      get('/no', 'PROXY: TCP4 127.0.0.1 127.0.0.1 1 2\r\nX-Forwarded-For: 127.0.0.1\r\n'),
      '404',
    ],
  ])('smuggling: %s', async (_what, rest, status) => {
    await using gateway = await startServing(FROM_LISTED);
    const answer = await sendBytes(gateway.port, [Buffer.concat([Buffer.from(V1), Buffer.from(rest, 'latin1')])]);
    expect(statusOf(answer)).toBe(status);
    expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
    expect(gateway.addresses()).not.toContain('127.0.0.1');
  });

  // Attack: a proxy of the fourth layer passes on what the client writes, so that its headers would be believed on the proxy's name.
  test.each<[what: string, header: Buffer | string, address: string]>([
    ['a named client', V1, '203.0.113.9'],
    ['a client that is not named', 'PROXY UNKNOWN\r\n', '127.0.0.1'],
  ])('does not vouch for forwarding headers of %s', async (_what, header, address) => {
    await using gateway = await startServing({ ...FROM_LISTED, allowedHosts: [HOST] });
    const lies = `X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: ${HOST}\r\n`;
    expect(await sendBytes(gateway.port, [header, get('/mcp', lies)])).toContain(
      '"canonical_endpoint":"http://localhost/mcp"',
    );
    await sendBytes(gateway.port, [header, get('/no', lies)]);
    expect(gateway.addresses()).toEqual([address]);
  });

  test('vouches for them where the named client is a listed proxy itself', async () => {
    await using gateway = await startServing({ ...FROM_LISTED, trustedProxies: ['loopback', '203.0.113.0/24'] });
    await sendBytes(gateway.port, [V1, get('/no', 'X-Forwarded-For: 198.51.100.1\r\n')]);
    expect(gateway.addresses()).toEqual(['198.51.100.1']);
  });
});

describe('what is refused from a listed proxy', () => {
  test.each<[what: string, bytes: Buffer | string]>([
    ['no header', get('/mcp')],
    ['a line without end', `PROXY TCP4 ${'1'.repeat(200)}`],
    ['64 KiB announced', Buffer.concat([Buffer.from(SIGNATURE, 'latin1'), Buffer.from([0x21, 0x11, 0xff, 0xff])])],
    ['the wrong family', v2(ADDRESSES, { family: 0x21 })],
    ['datagrams', v2(ADDRESSES, { family: 0x12 })],
    ['a TLV that is cut off', v2(Buffer.concat([ADDRESSES, Buffer.from([4, 0, 9])]))],
    ['addresses of another family', 'PROXY TCP4 ::1 ::1 1 2\r\n'],
  ])('%s gets an answer that says what to send', async (_what, bytes) => {
    await using gateway = await startServing(FROM_LISTED);
    const answer = await sendBytes(gateway.port, [bytes]);
    expect(statusOf(answer)).toBe('400');
    const body = answer.slice(answer.indexOf('{'));
    expect(JSON.parse(body)).toMatchObject({
      error: { message: expect.stringContaining('PROXY protocol header'), data: { reason: 'request.proxy-header' } },
    });
    expect(await gateway.logged({ message: 'refused' })).toMatchObject({ code: 'request.proxy-header' });
  });

  // Attack: connections that begin a header and never end it.
  test.each<[what: string, bytes: string]>([
    ['half a header', V1.slice(0, 20)],
    ['nothing', ''],
  ])('%s: the connection is ended, and none is left', async (_what, bytes) => {
    await using gateway = await startServing(FROM_LISTED);
    expect(await sendBytes(gateway.port, bytes === '' ? [] : [bytes])).toContain('request.proxy-header');
  });

  test('a connection that waits for its header does not hold up the end', async () => {
    const gateway = await startServing(FROM_LISTED);
    const socket = connect(gateway.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.write('PROXY ', resolve));
    // Another one, so that the first is known to have arrived.
    await sendBytes(gateway.port, [V1, get('/health')]);
    await gateway[Symbol.asyncDispose]();
    await closed;
  });
});

describe('a peer that is not listed', () => {
  // Attack: a forged header, to be somebody else in the log and for limits.
  test.each<[what: string, header: Buffer | string]>([
    ['version 1', V1],
    ['version 2', v2(ADDRESSES)],
    ['LOCAL', v2(Buffer.alloc(0), { command: 0, family: 0 })],
  ])('is not read: %s is no HTTP request', async (_what, header) => {
    await using gateway = await startServing(FROM_OTHERS);
    const answer = await sendBytes(gateway.port, [Buffer.concat([Buffer.from(header), Buffer.from(get('/mcp'))])]);
    expect(statusOf(answer)).toBe('400');
    expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({
      error: { data: { reason: 'body.invalid' } },
    });
  });

  test('needs none: a health check from elsewhere is served', async () => {
    await using gateway = await startServing(FROM_OTHERS);
    expect((await ask({ port: gateway.port, path: '/health' })).status).toBe(200);
    expect((await ping({ port: gateway.port })).status).toBe(200);
  });

  // Attack: the same where nobody asked for such headers at all.
  test('and without proxyProtocol nobody sends one, listed or not', async () => {
    await using gateway = await startServing({ trustedProxies: ['loopback'] });
    expect(statusOf(await sendBytes(gateway.port, [V1, get('/mcp')]))).toBe('400');
  });
});

describe('before TLS', () => {
  let authority: Authority;
  let tls: { cert: string; key: string; redirectPort: number };

  beforeAll(async () => {
    authority = await createAuthority();
    tls = { ...(await authority.issue('proxied')), redirectPort: 0 };
  });

  afterAll(async () => {
    await authority?.[Symbol.asyncDispose]();
  });

  /** Sends a header in clear text, then a request over TLS on the same connection. */
  async function askBehind(port: number, header: Buffer | string, request: string): Promise<string> {
    const raw = connect({ host: '127.0.0.1', port, noDelay: true });
    await new Promise<void>((resolve) => raw.write(header, () => resolve()));
    const socket = connectTls({ socket: raw, ca: authority.ca, servername: HOST });
    socket.write(request);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  }

  test.each<[what: string, header: Buffer | string]>([
    ['version 1', V1],
    ['version 2', v2(ADDRESSES)],
  ])('%s', async (_what, header) => {
    await using gateway = await startServing({ ...FROM_LISTED, listen: { proxyProtocol: true, tls } });
    expect(statusOf(await askBehind(gateway.port, header, get('/no')))).toBe('404');
    expect(gateway.addresses()).toEqual(['203.0.113.9']);
    expect(await askBehind(gateway.port, header, get('/mcp'))).toContain('"https://localhost/mcp"');
    // The other port is behind the same proxy.
    expect(await sendBytes(gateway.redirectPort, [header, get('/mcp')])).toMatch(/^HTTP\/1\.1 308 /);
    expect(statusOf(await sendBytes(gateway.redirectPort, [get('/mcp')]))).toBe('400');
  });

  // Attack: the header comes inside of the TLS connection, from the client.
  test('one that comes after the handshake is no header', async () => {
    await using gateway = await startServing({ ...FROM_LISTED, listen: { proxyProtocol: true, tls } });
    const forged = 'PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n';
    expect(statusOf(await askBehind(gateway.port, V1, forged + get('/no')))).toBe('400');
    expect(gateway.addresses()).not.toContain('127.0.0.1');
  });

  test('plain HTTP after the header is told to use https', async () => {
    await using gateway = await startServing({ ...FROM_LISTED, listen: { proxyProtocol: true, tls } });
    expect(await sendBytes(gateway.port, [V1, get('/mcp')])).toContain('"request.https"');
  });
});
