/** The gateway's own TLS: with certificates of an authority made for the test. */
import { copyFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Agent, fetch as fetchUndici } from 'undici';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { PATIENT, runProgram } from '../e2e/support/programs.ts';
import { type Authority, createAuthority, HOST } from './support/certificates.ts';
import { GATED_SERVER, issuesOf, startServing } from './support/serving.ts';
import { ask, callTool, endpointTold, ping, sendBytes } from './support/wire.ts';

let authority: Authority;
let ca: string;

beforeAll(async () => {
  authority = await createAuthority();
  ({ ca } = authority);
});

afterAll(async () => {
  await authority?.[Symbol.asyncDispose]();
});

/** Connects and says what was agreed on. */
function shakeHands(port: number, options: object = {}): Promise<{ alpn: unknown; version: unknown; name: unknown }> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca, servername: HOST, ...options }, () => {
      const { subject } = socket.getPeerCertificate() as DetailedPeerCertificate;
      resolve({ alpn: socket.alpnProtocol, version: socket.getProtocol(), name: subject.CN });
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

describe('https', () => {
  test('answers, names itself by https, and tells browsers to stay', async () => {
    await using gateway = await startServing({ listen: { tls: await authority.issue('one') } });
    const { status, headers } = await ping({ port: gateway.port, ca });
    expect({ status, hsts: headers['strict-transport-security'] }).toEqual({ status: 200, hsts: 'max-age=31536000' });
    expect(await endpointTold({ port: gateway.port, ca })).toBe(`https://127.0.0.1:${gateway.port}/mcp`);
    // Refusals too: the header is about the host, not about the answer.
    expect((await ask({ port: gateway.port, ca, path: '/no' })).headers).toHaveProperty('strict-transport-security');
  });

  test.each([
    ['h2 and http/1.1', ['h2', 'http/1.1'], 'http/1.1'],
    ['http/1.1', ['http/1.1'], 'http/1.1'],
    ['nothing', [], false],
  ])('ALPN: offered %s', async (_what, ALPNProtocols, alpn) => {
    await using gateway = await startServing({ listen: { tls: await authority.issue('alpn') } });
    expect(await shakeHands(gateway.port, { ALPNProtocols })).toMatchObject({ alpn });
  });

  test('minVersion: an older client is turned away', async () => {
    const tls = { ...(await authority.issue('versions')), minVersion: 'TLSv1.3' as const };
    await using gateway = await startServing({ listen: { tls } });
    expect(await shakeHands(gateway.port)).toMatchObject({ version: 'TLSv1.3' });
    await expect(shakeHands(gateway.port, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/version/);
    await using lenient = await startServing({ listen: { tls: await authority.issue('versions2') } });
    expect(await shakeHands(lenient.port, { maxVersion: 'TLSv1.2' })).toMatchObject({ version: 'TLSv1.2' });
    await expect(shakeHands(lenient.port, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' })).rejects.toThrow();
  });

  test('hsts: false', async () => {
    await using gateway = await startServing({ listen: { tls: await authority.issue('off'), hsts: false } });
    expect((await ping({ port: gateway.port, ca })).headers).not.toHaveProperty('strict-transport-security');
  });

  test.each([
    ['https', true],
    ['http', false],
  ])('without TLS of its own, HSTS follows the public URL: %s', async (scheme, isSent) => {
    await using gateway = await startServing({ publicUrl: `${scheme}://${HOST}` });
    const { headers } = await ping({ port: gateway.port });
    expect('strict-transport-security' in headers).toBe(isSent);
  });

  // Whoever forgets the s must not get a closed connection and no reason.
  test('plain HTTP on the TLS port is told to use https', async () => {
    await using gateway = await startServing({ listen: { tls: await authority.issue('plain') } });
    const { status, text, headers } = await ping({ port: gateway.port });
    expect({ status, type: headers['content-type'] }).toEqual({ status: 400, type: 'application/json' });
    expect(JSON.parse(text)).toMatchObject({
      error: { message: expect.stringContaining('https://'), data: { reason: 'request.https' } },
    });
  });

  test('nonsense instead of a handshake ends that connection, and nothing else', async () => {
    await using gateway = await startServing({ listen: { tls: await authority.issue('nonsense') } });
    const hostile = [Buffer.from([0x16, 3, 1, 0xff, 0xff, 1, 2, 3]), Buffer.alloc(20_000, 0x16), Buffer.from([0])];
    await Promise.all(hostile.map((bytes) => sendBytes(gateway.port, [bytes], { end: true })));
    expect((await ping({ port: gateway.port, ca })).status).toBe(200);
  });
});

describe('the official client', () => {
  test.each(['auto', 'legacy'] as const)('SDK v2 over TLS, %s', async (mode) => {
    await using gateway = await startServing({ listen: { tls: await authority.issue(`sdk-${mode}`) } });
    const agent = new Agent({ connect: { ca } });
    const transport = new StreamableHTTPClientTransport(new URL(`https://localhost:${gateway.port}/mcp`), {
      fetch: ((url: URL, init: object) => fetchUndici(url, { ...init, dispatcher: agent })) as unknown as typeof fetch,
    });
    const client = new Client({ name: 'tls', version: '1' }, { versionNegotiation: { mode } });
    await client.connect(transport);
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'ahoy' } });
    expect(content).toMatchObject([{ text: 'ahoy' }]);
    await client.close();
    await agent.close();
  });

  // By default this client leaves no origin for another, and http is another one than https. It says where it was sent: an answer to act on.
  test.each([
    ['follow', { code: 0, stdout: 'ahoy\n' }],
    ['same-origin', { code: 1, stdout: '' }],
  ])(
    'a program that only has NODE_EXTRA_CA_CERTS, by the address for plain HTTP: %s',
    async (redirectPolicy, expected) => {
      const tls = { ...(await authority.issue(`extra-${redirectPolicy}`)), redirectPort: 0 };
      await using gateway = await startServing({ listen: { tls } });
      const script = `
      import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
      const client = new Client({ name: 'extra', version: '1' });
      const url = new URL('http://localhost:${gateway.redirectPort}/mcp');
      await client.connect(new StreamableHTTPClientTransport(url, { redirectPolicy: '${redirectPolicy}' }));
      const { content } = await client.callTool({ name: 'echo', arguments: { text: 'ahoy' } });
      console.log(content[0].text);
      await client.close();`;
      const env = { NODE_EXTRA_CA_CERTS: authority.caFile };
      const { code, stdout, stderr } = await runProgram(process.execPath, ['--input-type=module', '-e', script], {
        env,
      });
      expect({ code, stdout }).toEqual(expected);
      const told = `Redirect to https://localhost:${gateway.port}/mcp not followed`;
      expect(stderr.includes(told)).toBe(expected.code === 1);
    },
  );
});

describe('a new certificate', () => {
  test('serves new connections while a stream of an old one goes on', async () => {
    const files = await authority.issue('first');
    await using gateway = await startServing({ listen: { tls: files }, upstreams: { gated: GATED_SERVER } });
    const gate = join(authority.folder, 'gate');
    const { reader, status } = await callTool({ port: gateway.port, ca }, 'step', { gate });
    expect(status).toBe(200);
    expect(await reader.message()).toMatchObject({ method: 'notifications/progress' });
    expect(await shakeHands(gateway.port)).toMatchObject({ name: 'first' });

    // As certbot does: one file after the other, each replaced by renaming.
    const next = await authority.issue('second');
    await rename(next.key, files.key);
    await rename(next.cert, files.cert);
    await vi.waitFor(async () => expect(await shakeHands(gateway.port)).toMatchObject({ name: 'second' }), PATIENT);

    await writeFile(gate, '');
    expect(await reader.rest()).toMatchObject([{ result: { content: [{ text: 'stepped' }] } }]);
  });

  test('that cannot be used is reported, and the old one stays', async () => {
    const files = await authority.issue('good');
    await using gateway = await startServing({ listen: { tls: files } });
    const stranger = await authority.issue('stranger');
    await copyFile(stranger.key, files.key);
    const message = 'The changed certificate cannot be used; the running one stays.';
    const { fault } = await gateway.logged({ message });
    expect(fault).toContain('does not belong to the certificate');
    expect(await shakeHands(gateway.port)).toMatchObject({ name: 'good' });
    // What is wrong is said, and not what stands in the file.
    expect(JSON.stringify(gateway.lines)).not.toContain('PRIVATE KEY');
  });

  test('comes with a reload of the configuration as well, and its files are followed from then on', async () => {
    await using gateway = await startServing({ listen: { tls: await authority.issue('before') } });
    const after = await authority.issue('after');
    await gateway.reload({ listen: { tls: after } });
    await vi.waitFor(async () => expect(await shakeHands(gateway.port)).toMatchObject({ name: 'after' }), PATIENT);
    const later = await authority.issue('later');
    await rename(later.key, after.key);
    await rename(later.cert, after.cert);
    await vi.waitFor(async () => expect(await shakeHands(gateway.port)).toMatchObject({ name: 'later' }), PATIENT);
  });
});

describe('a pair that cannot be used is an error before anything listens', () => {
  test.each<[what: string, change: (files: { cert: string; key: string }) => Promise<object>, message: RegExp]>([
    [
      'no such certificate',
      async ({ key }) => ({ cert: '/no/such.pem', key }),
      /listen\.tls\.cert {2}\/no\/such\.pem: there is no such file/,
    ],
    [
      'no such key',
      async ({ cert }) => ({ cert, key: '/no/such.key' }),
      /listen\.tls\.key {2}\/no\/such\.key: there is no such file/,
    ],
    ['a folder', async ({ key }) => ({ cert: '/', key }), /listen\.tls\.cert {2}\/: this is a folder/],
    ['the two exchanged', async ({ cert, key }) => ({ cert: key, key: cert }), /expected a certificate in PEM form/],
    ['no key in the file', async ({ cert }) => ({ cert, key: cert }), /expected a private key in PEM form/],
    [
      'the key of another',
      async ({ cert }) => ({ cert, key: (await authority.issue('other')).key }),
      /does not belong to the certificate in/,
    ],
    [
      'expired',
      async () => await authority.issue('expired', 0),
      /listen\.tls\.cert .*: the certificate expired on 20\d\d-\d\d-\d\d/,
    ],
    ['a passphrase', async ({ cert, key }) => ({ cert, key: await encrypt(key) }), /this key is encrypted/],
  ])('%s', async (_what, change, message) => {
    const tls = (await change(await authority.issue('pair'))) as { cert: string; key: string };
    expect(await issuesOf({ listen: { tls } })).toMatch(message);
  });

  test.each<[what: string, listen: object, publicUrl: string | undefined, message: RegExp]>([
    [
      'a redirect to itself',
      { port: 443, tls: { cert: 'c', key: 'k', redirectPort: 443 } },
      undefined,
      /another port than listen\.port/,
    ],
    [
      'a redirect to plain HTTP',
      { tls: { cert: 'c', key: 'k', redirectPort: 80 } },
      'http://a.example',
      /expected publicUrl to be an https/,
    ],
    ['httpsOnly without an https address', { httpsOnly: true }, undefined, /listen\.httpsOnly {2}expected publicUrl/],
    [
      'PROXY headers from everybody',
      { proxyProtocol: true },
      undefined,
      /listen\.proxyProtocol {2}expected trustedProxies/,
    ],
  ])('%s', async (_what, listen, publicUrl, message) => {
    await expect(issuesOf({ listen, publicUrl })).rejects.toThrow(message);
  });
});

async function encrypt(key: string): Promise<string> {
  const out = `${key}.encrypted`;
  await runProgram('openssl', ['pkcs8', '-topk8', '-in', key, '-out', out, '-passout', 'pass:secret']);
  return out;
}
