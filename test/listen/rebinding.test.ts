/** DNS rebinding and cross-site requests on the public port, as bytes, so that nothing tidies up Host and Origin on the way. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOST } from './support/certificates.ts';
import { type Serving, startServing } from './support/serving.ts';
import { sendBytes } from './support/wire.ts';

let gateway: Serving;

beforeAll(async () => {
  gateway = await startServing({ publicUrl: `https://${HOST}`, allowedHosts: ['inner:9000'] });
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

async function statusFor(lines: readonly string[], target = '/mcp'): Promise<number> {
  const head = [`GET ${target} HTTP/1.1`, ...lines, 'Connection: close', '', ''].join('\r\n');
  const answer = await sendBytes(gateway.port, [head]);
  return Number(answer.slice(9, 12));
}

describe('Host', () => {
  test.each<[what: string, host: string]>([
    ['this machine', 'localhost'],
    ['with a port', 'localhost:8808'],
    ['with another port', 'localhost:1'],
    ['upper case', 'LOCALHOST'],
    ['IPv4', '127.0.0.1:80'],
    ['IPv6', '[::1]'],
    ['IPv6 with a port', '[::1]:8808'],
    ['the public name', HOST],
    ['the public name in upper case, with a port', `${HOST.toUpperCase()}:443`],
    ['a name with the one port it goes with', 'inner:9000'],
  ])('%s is answered', async (_what, host) => {
    expect(await statusFor([`Host: ${host}`])).toBe(200);
  });

  // Attack: a page under a name of the attacker's that resolves to this address.
  test.each<[what: string, lines: string[]]>([
    ['another name', ['Host: evil.example']],
    ['another name with our port', ['Host: evil.example:8808']],
    ['our name as a label of another', [`Host: ${HOST}.evil.example`]],
    ['our name at the end of another', [`Host: evil-${HOST}`]],
    ['a label before our name', [`Host: x.${HOST}`]],
    ['a trailing dot', ['Host: localhost.']],
    ['a trailing dot and a port', [`Host: ${HOST}.:443`]],
    ['credentials before the name', ['Host: localhost@evil.example']],
    ['a name after a port', ['Host: localhost:80.evil.example']],
    ['a port that is no number', ['Host: localhost:x']],
    ['a path', ['Host: localhost/evil.example']],
    ['a list', ['Host: localhost, evil.example']],
    ['IPv6 without brackets', ['Host: ::1']],
    ['IPv6 of another spelling', ['Host: [0:0:0:0:0:0:0:1]']],
    ['a link-local address with a zone', ['Host: [fe80::1%25eth0]']],
    ['another address of the same machine', ['Host: 127.0.0.2']],
    ['an address as a number', ['Host: 2130706433']],
    ['an address in short', ['Host: 127.1']],
    ['the unspecified address', ['Host: 0.0.0.0:8808']],
    ['a name with another port than it goes with', ['Host: inner:9001']],
    ['that name without its port', ['Host: inner']],
    ['nothing', ['Host:']],
    ['no Host at all', []],
    ['a letter that looks like another', ['Host: l\u043ecalhost']],
  ])('%s is refused', async (_what, lines) => {
    expect(await statusFor(lines)).toBe(403);
  });

  // Attack: one of the two is read here and the other by whoever stands before us.
  test('two of them: neither an order nor a choice', async () => {
    expect(await statusFor(['Host: localhost', 'Host: evil.example'])).not.toBe(200);
    expect(await statusFor(['Host: evil.example', 'Host: localhost'])).not.toBe(200);
  });

  test.each<[what: string, target: string, host: string, status: number]>([
    ['an absolute target of ours', 'http://localhost/mcp', 'localhost', 200],
    ['upper case and a port', `HTTP://${HOST.toUpperCase()}:443/mcp`, HOST, 200],
    // Attack: RFC 9112 §3.2.2 lets the target win over Host; a check of Host alone would be passed by.
    ['an absolute target of another', 'http://evil.example/mcp', 'localhost', 403],
    ['an absolute target of ours under the Host of another', 'http://localhost/mcp', 'evil.example', 403],
    ['a trailing dot in the target', 'http://localhost./mcp', 'localhost', 403],
    ['credentials in the target', 'http://localhost@evil.example/mcp', 'localhost', 403],
  ])('%s', async (_what, target, host, status) => {
    expect(await statusFor([`Host: ${host}`], target)).toBe(status);
  });
});

describe('Origin', () => {
  test.each<[what: string, origin: string]>([
    ['a page of this machine', 'http://localhost:3000'],
    ['over TLS', 'https://127.0.0.1:3000'],
    ['IPv6', 'http://[::1]:5173'],
    ['upper case', 'HTTP://LOCALHOST'],
    ['the public origin', `https://${HOST}`],
  ])('%s is answered', async (_what, origin) => {
    expect(await statusFor(['Host: localhost', `Origin: ${origin}`])).toBe(200);
  });

  // Attack: any page may send requests here; its browser says from where.
  test.each<[what: string, origin: string]>([
    ['another site', 'https://evil.example'],
    ['our name as a label of another', 'http://localhost.evil.example'],
    ['our name before another port text', 'http://localhost:80.evil.example'],
    ['a trailing dot', 'http://localhost.:3000'],
    ['credentials', 'http://localhost@evil.example'],
    ['the public name without TLS', `http://${HOST}`],
    ['the public name on another port', `https://${HOST}:8443`],
    ['another scheme', 'chrome-extension://localhost'],
    ['a page in a sandbox', 'null'],
    ['nothing', ''],
    ['two', 'http://localhost http://evil.example'],
    ['IPv6 of another spelling', 'http://[0:0:0:0:0:0:0:1]:3000'],
  ])('%s is refused', async (_what, origin) => {
    expect(await statusFor(['Host: localhost', `Origin: ${origin}`])).toBe(403);
  });
});
