/** Plain HTTP where only https is served: the second port, and requests that a proxy passes on from plain HTTP. */
import { Agent, fetch } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, HOST } from './support/certificates.ts';
import { startServing } from './support/serving.ts';
import { ask, ping, sendBytes } from './support/wire.ts';

let authority: Authority;
let tls: { cert: string; key: string; redirectPort: number };

beforeAll(async () => {
  authority = await createAuthority();
  tls = { ...(await authority.issue('redirect')), redirectPort: 0 };
});

afterAll(async () => {
  await authority?.[Symbol.asyncDispose]();
});

describe('the port for plain HTTP', () => {
  test('answers 308 with the same path and query, and says in JSON what to do', async () => {
    await using gateway = await startServing({ listen: { tls } });
    const { status, headers, text } = await ping({ port: gateway.redirectPort, path: '/mcp?profile=a%20b&x' });
    const secure = `https://127.0.0.1:${gateway.port}/mcp`;
    expect({ status, location: headers.location }).toEqual({ status: 308, location: `${secure}?profile=a%20b&x` });
    // RFC 6797 §7.2, and a redirect that somebody else's cache must not keep.
    expect(headers).not.toHaveProperty('strict-transport-security');
    expect(headers['cache-control']).toBe('no-store');
    const { error, canonical_endpoint } = JSON.parse(text) as { error: { data: object }; canonical_endpoint: string };
    expect(error.data).toMatchObject({ reason: 'request.https', recipe: { method: 'POST', url: secure } });
    expect(canonical_endpoint).toBe(secure);
  });

  // 301 and 302 would make a GET of it in many programs, and the message would be lost.
  test('a POST arrives as a POST with its body, in a client that follows', async () => {
    await using gateway = await startServing({ listen: { tls } });
    const dispatcher = new Agent({ connect: { ca: authority.ca } });
    const response = await fetch(`http://localhost:${gateway.redirectPort}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":"kept","method":"ping"}',
      dispatcher,
    });
    expect(response.url).toBe(`https://localhost:${gateway.port}/mcp`);
    expect(await response.json()).toEqual({ jsonrpc: '2.0', id: 'kept', result: {} });
    await dispatcher.close();
  });

  test.each(['GET', 'HEAD', 'POST', 'DELETE', 'PUT'])('%s', async (method) => {
    await using gateway = await startServing({ listen: { tls } });
    for (const path of ['/mcp', '/sse', '/messages/?x=1', '/', '/.well-known/agent-card.json', '/no/such']) {
      const { status, headers } = await ask({ port: gateway.redirectPort, method, path });
      expect({ status, location: headers.location }).toEqual({
        status: 308,
        location: `https://localhost:${gateway.port}${path}`.replace('localhost', '127.0.0.1'),
      });
    }
  });

  test('health paths are served: whoever probes them knows no certificate', async () => {
    await using gateway = await startServing({ listen: { tls } });
    for (const path of ['/health', '/healthz', '/livez', '/readyz']) {
      expect((await ask({ port: gateway.redirectPort, path, headers: { host: '10.0.0.7' } })).status).toBe(200);
    }
  });

  test('leads to the public URL where there is one, whatever the Host', async () => {
    await using gateway = await startServing({ listen: { tls }, publicUrl: `https://${HOST}/gate` });
    const { headers } = await ask({ port: gateway.redirectPort, path: '/mcp?a=1' });
    expect(headers.location).toBe(`https://${HOST}/gate/mcp?a=1`);
  });

  // Attack: a link or a cache is poisoned by a redirect to whatever the Host header says (open redirect).
  test.each([
    'evil.example',
    'evil.example:80',
    'localhost.evil.example',
    'localhost@evil.example',
    'localhost:80@evil.example',
    'localhost/evil.example',
    'localhost#evil.example',
    'localhost\\evil.example',
    'evil.example#localhost',
    '127.0.0.1.evil.example',
  ])('Host %j is refused, not redirected to', async (host) => {
    await using gateway = await startServing({ listen: { tls } });
    const { status, headers } = await ping({ port: gateway.redirectPort, headers: { host } });
    expect({ status, location: headers.location }).toEqual({ status: 403, location: undefined });
  });

  // Attack: the same by other parts of the request.
  test.each<[what: string, head: string, location: RegExp | undefined]>([
    ['no Host', 'GET / HTTP/1.1', undefined],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:', undefined],
    ['an absolute target', 'GET http://evil.example/mcp HTTP/1.1\r\nHost: localhost', undefined],
    [
      'a path like an authority',
      'GET //evil.example/mcp HTTP/1.1\r\nHost: localhost',
      /^https:\/\/localhost:\d+\/\/evil\.example\/mcp$/,
    ],
    [
      'a path with a backslash',
      'GET /\\evil.example HTTP/1.1\r\nHost: localhost',
      /^https:\/\/localhost:\d+\/\\evil\.example$/,
    ],
    [
      'X-Forwarded-Host',
      'GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: evil.example',
      /^https:\/\/localhost:\d+\/$/,
    ],
    [
      'X-Forwarded-Proto: https, to get past it',
      'GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https',
      /^https:\/\/localhost:\d+\/$/,
    ],
    ['a port that is none', 'GET / HTTP/1.1\r\nHost: localhost:999999', /^https:\/\/localhost:\d+\/$/],
    [
      'an encoded line break',
      'GET /%0d%0aSet-Cookie:a=b HTTP/1.1\r\nHost: localhost',
      /^https:\/\/localhost:\d+\/%0d%0aSet-Cookie:a=b$/,
    ],
  ])('%s', async (_what, head, location) => {
    await using gateway = await startServing({ listen: { tls } });
    const answer = await sendBytes(gateway.redirectPort, [`${head}\r\nConnection: close\r\n\r\n`]);
    const [, sent] = /^location: (.*)$/im.exec(answer) ?? [];
    if (location === undefined)
      expect({ status: answer.slice(9, 12), sent }).toEqual({ status: '403', sent: undefined });
    else expect(sent?.trim()).toMatch(location);
    expect(answer).not.toMatch(/^set-cookie/im);
  });

  test('a page of an allowed origin may ask beforehand, and reads where to go', async () => {
    await using gateway = await startServing({ listen: { tls }, allowedOrigins: ['https://app.example.com'] });
    const headers = { origin: 'https://app.example.com' };
    expect((await ask({ port: gateway.redirectPort, method: 'OPTIONS', path: '/mcp', headers })).status).toBe(204);
    const { status, headers: sent } = await ping({ port: gateway.redirectPort, headers });
    expect({ status, origin: sent['access-control-allow-origin'] }).toEqual({ status: 308, origin: headers.origin });
  });

  // Attack: a body without end to where nobody reads bodies.
  test('cuts off who goes on sending past the limit', async () => {
    await using gateway = await startServing({ listen: { tls }, limits: { bodyBytes: 1_000 } });
    const head = 'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n';
    // It resolves when the other side has closed. Whether the answer is read before that is the sender's luck.
    expect(await sendBytes(gateway.redirectPort, [head, Buffer.alloc(100_000)])).toMatch(/^$|^HTTP\/1\.1 308 /);
  });

  // A balancer that takes the TLS off and passes on to this port would otherwise send its clients in circles.
  test('a listed proxy that says https is served', async () => {
    await using gateway = await startServing({ listen: { tls }, trustedProxies: ['loopback'] });
    const via = (proto: string) => ping({ port: gateway.redirectPort, headers: { 'x-forwarded-proto': proto } });
    expect((await via('https')).status).toBe(200);
    expect((await via('http')).status).toBe(308);
  });
});

describe('httpsOnly', () => {
  const behind = { listen: { httpsOnly: true }, publicUrl: `https://${HOST}`, trustedProxies: ['loopback'] };

  test('a balancer that passes on both: plain HTTP goes to the public URL, https is served', async () => {
    await using gateway = await startServing(behind);
    const via = (proto: string) =>
      ping({ port: gateway.port, path: '/mcp?x=1', headers: { 'x-forwarded-proto': proto } });
    const { status, headers } = await via('http');
    expect({ status, location: headers.location }).toEqual({ status: 308, location: `https://${HOST}/mcp?x=1` });
    expect((await via('https')).status).toBe(200);
    expect((await ask({ port: gateway.port, path: '/health' })).status).toBe(200);
  });

  // Attack: whoever reaches the port directly says that it came over https.
  test('is not got around by a peer that is not listed', async () => {
    await using gateway = await startServing({ ...behind, trustedProxies: ['10.0.0.0/8'] });
    expect((await ping({ port: gateway.port, headers: { 'x-forwarded-proto': 'https' } })).status).toBe(308);
  });
});
