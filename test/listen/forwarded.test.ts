/** What other hops say of the caller, through a real port: believed from listed proxies, and from nobody else. */
import { describe, expect, test } from 'vitest';
import { HOST } from './support/certificates.ts';
import { startServing } from './support/serving.ts';
import { ask, endpointTold, listTools, ping } from './support/wire.ts';

const LIES = {
  'x-forwarded-for': '198.51.100.7',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': HOST,
  'x-forwarded-port': '443',
  'x-real-ip': '198.51.100.7',
  forwarded: `for=198.51.100.7;proto=https;host=${HOST}`,
};

describe('a peer that is not listed', () => {
  // Attack: spoofed addresses, a protocol and a host of the caller's own choice.
  test.each<[what: string, trustedProxies: string[]]>([
    ['no proxy is listed', []],
    ['others are listed', ['10.0.0.0/8', '192.0.2.1']],
  ])('is what its socket says: %s', async (_what, trustedProxies) => {
    await using gateway = await startServing({ trustedProxies, allowedHosts: [HOST] });
    expect((await listTools({ port: gateway.port, headers: LIES })).status).toBe(200);
    expect((await ask({ port: gateway.port, path: '/no', headers: LIES })).status).toBe(404);
    await gateway.logged({ message: 'refused' });
    expect(new Set(gateway.addresses())).toEqual(new Set(['127.0.0.1']));
    expect(await endpointTold({ port: gateway.port, headers: LIES })).toBe(`http://127.0.0.1:${gateway.port}/mcp`);
  });
});

describe('a listed proxy', () => {
  const listed = { trustedProxies: ['loopback', '10.0.0.0/8'], allowedHosts: [HOST] };

  test('is believed on address, protocol and host', async () => {
    await using gateway = await startServing(listed);
    expect(await endpointTold({ port: gateway.port, headers: LIES })).toBe(`https://${HOST}/mcp`);
    expect((await listTools({ port: gateway.port, headers: LIES })).status).toBe(200);
    expect(await gateway.logged({ message: 'exchange', method: 'tools/list' })).toMatchObject({
      address: '198.51.100.7',
    });
  });

  test('in the words of RFC 7239 where those are configured', async () => {
    await using gateway = await startServing({ ...listed, forwardedHeaders: 'forwarded' });
    const headers = { forwarded: `for="[2001:db8::7]:99";proto=https;host=${HOST}, for=10.1.1.1;proto=http` };
    expect(await endpointTold({ port: gateway.port, headers })).toBe(`https://${HOST}/mcp`);
    await listTools({ port: gateway.port, headers });
    expect(await gateway.logged({ message: 'exchange' })).toMatchObject({ address: '2001:db8::7' });
  });

  // Attack: the client sends the headers that its proxies neither write nor remove.
  test('is not asked for headers of the other family', async () => {
    await using gateway = await startServing(listed);
    const headers = { 'x-forwarded-for': '203.0.113.9', forwarded: `for=127.0.0.1;proto=https;host=${HOST}` };
    expect(await endpointTold({ port: gateway.port, headers })).toBe(`http://127.0.0.1:${gateway.port}/mcp`);
    await listTools({ port: gateway.port, headers });
    expect(await gateway.logged({ message: 'exchange' })).toMatchObject({ address: '203.0.113.9' });
  });

  // Attack: the client writes an address first, and the proxies append theirs.
  test('what stands left of the first hop that is no proxy counts for nothing', async () => {
    await using gateway = await startServing(listed);
    const headers = { 'x-forwarded-for': '127.0.0.1, 10.0.0.1, 203.0.113.9, 10.0.0.2' };
    await listTools({ port: gateway.port, headers });
    expect(await gateway.logged({ message: 'exchange' })).toMatchObject({ address: '203.0.113.9' });
  });

  // Attack: a host that is not ours, through a proxy that passes on what it gets.
  test.each([
    'evil.example',
    `${HOST}.evil.example`,
    `${HOST}@evil.example`,
    `${HOST}, evil.example`,
    `evil.example, ${HOST}/`,
  ])('a host %j that is not allowed is not repeated', async (host) => {
    await using gateway = await startServing(listed);
    const told = await endpointTold({ port: gateway.port, headers: { 'x-forwarded-host': host } });
    expect(told).toBe(`http://127.0.0.1:${gateway.port}/mcp`);
  });

  test('does not decide the address when there is a public URL', async () => {
    await using gateway = await startServing({ ...listed, publicUrl: 'http://fixed.example/gate' });
    expect(await endpointTold({ port: gateway.port, headers: LIES })).toBe('http://fixed.example/gate/mcp');
  });

  // Attack: the Host check is against rebinding; a header must not stand in for Host.
  test('does not make a refused Host allowed', async () => {
    await using gateway = await startServing(listed);
    const headers = { ...LIES, host: 'evil.example' };
    expect((await ping({ port: gateway.port, headers })).status).toBe(403);
  });

  test('a reload lists others', async () => {
    await using gateway = await startServing(listed);
    await gateway.reload({ allowedHosts: [HOST] });
    expect(await endpointTold({ port: gateway.port, headers: LIES })).toBe(`http://127.0.0.1:${gateway.port}/mcp`);
  });
});

describe('the admin port', () => {
  const config = { admin: { port: 0 }, trustedProxies: ['loopback'], allowedHosts: [HOST] };

  // Attack: headers that some servers take for the host, the path or the caller.
  const tricks = {
    ...LIES,
    'x-forwarded-host': 'localhost:8809',
    'x-forwarded-port': '8809',
    'x-forwarded-prefix': '/api/status',
    'x-original-url': '/metrics',
    'x-rewrite-url': '/metrics',
    'x-original-host': 'localhost',
  };

  test('is not reached by headers on the public port', async () => {
    await using gateway = await startServing(config);
    for (const path of [
      '/metrics',
      '/api/status',
      '/mcp/../metrics',
      '//metrics',
      `http://127.0.0.1:${gateway.adminPort}/metrics`,
    ]) {
      const { status, text } = await ask({ port: gateway.port, path, headers: tricks });
      expect({ path, status }).toEqual({ path, status: 404 });
      expect(text).not.toMatch(/mcpgw_|upstreams/);
    }
  });

  test('and takes no word of them itself: Host decides', async () => {
    await using gateway = await startServing(config);
    const asked = { port: gateway.adminPort, path: '/api/status' };
    expect((await ask({ ...asked, headers: { ...tricks, host: 'evil.example' } })).status).toBe(403);
    expect((await ask({ ...asked, headers: { ...tricks, host: HOST } })).status).toBe(403);
    expect((await ask({ ...asked, headers: tricks })).status).toBe(200);
  });

  // Attack: every request comes from another address, in the hope that each becomes a label.
  test('an address is in the log and in no metric', async () => {
    await using gateway = await startServing(config);
    await listTools({ port: gateway.port, headers: { 'x-forwarded-for': '198.51.100.77' } });
    expect(await gateway.logged({ message: 'exchange' })).toMatchObject({ address: '198.51.100.77' });
    for (const path of ['/metrics', '/api/status']) {
      expect((await ask({ port: gateway.adminPort, path })).text).not.toContain('198.51.100.77');
    }
  });
});
