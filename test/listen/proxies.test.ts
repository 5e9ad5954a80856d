/** The snippets of `deploy/` in the real proxies they are for, with the time limits and buffers these come with. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { at } from '../requirements/support/json.ts';
import { type Authority, createAuthority, HOST } from './support/certificates.ts';
import { needProxies, PROXIES, type ProxyName, type RunningProxy, startProxy } from './support/proxies.ts';
import { GATED_SERVER, type Serving, startServing } from './support/serving.ts';
import { ask, callTool, endpointTold, listTools, type Place, ping } from './support/wire.ts';

/** How long the server says nothing: more than nginx (60 s) and Debian's HAProxy (50 s) wait for an upstream. */
const QUIET_MS = 70_000;
/** Another address of this machine than the proxies have, so that the two can be told apart. */
const CLIENT = '127.0.0.2';
const WITH_PLAIN = ['nginx', 'HAProxy', 'Caddy'] as const;

let authority: Authority;
const gateways: Partial<Record<ProxyName, Serving>> = {};
const proxies: Partial<Record<ProxyName, RunningProxy>> = {};

beforeAll(async () => {
  needProxies();
  authority = await createAuthority();
  const common = { trustedProxies: ['127.0.0.1'], allowedHosts: [HOST], upstreams: { gated: GATED_SERVER } };
  for (const proxy of PROXIES) {
    const passesOn = proxy === 'nginx stream' || proxy === 'HAProxy tcp';
    const own = { proxyProtocol: true, tls: await authority.issue(`own-${proxy.replace(' ', '-')}`) };
    const gateway = await startServing({ ...common, ...(passesOn && { listen: own }) });
    gateways[proxy] = gateway;
    proxies[proxy] = await startProxy(proxy, gateway.port, authority);
  }
}, 180_000);

afterAll(async () => {
  for (const each of [...Object.values(proxies), ...Object.values(gateways)]) await each[Symbol.asyncDispose]();
  await authority?.[Symbol.asyncDispose]();
});

/** The proxy as a client on this machine reaches it. */
function through(proxy: ProxyName, headers: Readonly<Record<string, string>> = {}): Place {
  return {
    port: proxies[proxy]?.port ?? 0,
    ca: authority.ca,
    localAddress: CLIENT,
    headers: { host: HOST, ...headers },
  };
}

describe.each(PROXIES)('%s', (proxy) => {
  test('a client is told the address by which it came: https and the public name', async () => {
    expect(await endpointTold(through(proxy))).toBe(`https://${HOST}/mcp`);
  });

  // Attack: the client says it is somebody else, by every header there is; the proxies pass on what they do not write themselves.
  test('the log has the client, whatever it says of itself', async () => {
    const lies = { 'x-forwarded-for': '198.51.100.7', forwarded: 'for=198.51.100.7', 'x-real-ip': '198.51.100.7' };
    expect((await listTools(through(proxy, lies))).status).toBe(200);
    const { address } = (await gateways[proxy]?.logged({ message: 'exchange', method: 'tools/list' })) ?? {};
    expect(address).toBe(CLIENT);
  });

  // Attack: a host and a protocol of the client's own choice, through a proxy that is believed.
  test('and is told the same, whatever it asks for', async () => {
    const lies = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
      forwarded: 'host=evil.example;proto=http',
    };
    expect(await endpointTold(through(proxy, lies))).toBe(`https://${HOST}/mcp`);
  });

  test('events are not held back: the first arrives before the server goes on', async () => {
    const gate = join(authority.folder, `gate-${proxy}`);
    const { reader, headers } = await callTool(through(proxy), 'step', { gate });
    expect(headers['content-type']).toBe('text/event-stream');
    // The call ends only after this was read: a proxy that kept it back would keep it for ever.
    expect(await reader.message()).toMatchObject({ method: 'notifications/progress', params: { progress: 1 } });
    await writeFile(gate, '');
    expect(await reader.rest()).toMatchObject([{ result: { content: [{ text: 'stepped' }] } }]);
  });

  test('a body as large as the gateway takes arrives', async () => {
    const padding = 'x'.repeat(3 * 1_048_576);
    const { status, text } = await ask({
      ...through(proxy, { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }),
      method: 'POST',
      path: '/mcp',
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { padding } }),
    });
    expect({ status, text: text.slice(0, 60) }).toEqual({ status: 200, text: '{"jsonrpc":"2.0","id":1,"result":{}}' });
  });
});

test(`a call that is quiet for ${QUIET_MS / 1000} s is answered through each`, {
  timeout: QUIET_MS + 60_000,
}, async () => {
  const answers = PROXIES.map(async (proxy) => {
    const { reader, status } = await callTool(through(proxy), 'quiet', { ms: QUIET_MS });
    const [answer] = await reader.rest();
    const comments = reader.seen.filter(({ comment }) => comment).length;
    return { proxy, status, text: at(answer, 'result', 'content', 0, 'text'), isKept: comments > 1 };
  });
  const expected = PROXIES.map((proxy) => ({ proxy, status: 200, text: 'at last', isKept: true }));
  expect(await Promise.all(answers)).toEqual(expected);
});

test.each(WITH_PLAIN)('%s sends plain HTTP to https with 308', async (proxy) => {
  const { status, headers } = await ping({ ...through(proxy), port: proxies[proxy]?.plainPort ?? 0, ca: undefined });
  expect({ status, location: headers.location }).toEqual({
    status: 308,
    location: expect.stringMatching(new RegExp(`^https://${HOST}(:\\d+)?/mcp$`)),
  });
});
