import { afterEach, expect, test } from 'vitest';
import { callTool, childPids, isAlive, jsonOf, need, scripted, testUpstream, textOf, using } from './harness.ts';

afterEach(() => expect(childPids()).toEqual([]));

test('a server that does not know server/discover is initialized on the same child, once', async () => {
  await using server = testUpstream(scripted('normal'));
  await expectEcho(server);
  await server.upstream.close();
  expect(server.pids()).toHaveLength(1);
  expect(server.sent().slice(0, 3)).toEqual(['server/discover', 'initialize', 'notifications/initialized']);
  await server.stderr(/^initialized$/);
});

test('a server that is silent on server/discover is initialized on the same child after the probe timeout', async () => {
  await using server = testUpstream({ ...scripted('silent-on-unknown'), probeTimeoutMs: 1 });
  await expectEcho(server);
  await server.upstream.close();
  expect(server.pids()).toHaveLength(1);
});

test('a server that ends itself on the probe is started again without it', async () => {
  await using server = testUpstream(scripted('exits-on-probe'));
  await expectEcho(server);
  await server.upstream.close();
  expect(server.pids()).toHaveLength(2);
  expect(server.sent().slice(0, 3)).toEqual(['server/discover', 'initialize', 'notifications/initialized']);
  await server.upstream.close();
  expect(server.pids().some(isAlive)).toBe(false);
});

test('an error with a null id answers the probe', async () => {
  await using server = testUpstream(scripted('null-id'));
  await expectEcho(server);
  await server.upstream.close();
  expect(server.pids()).toHaveLength(1);
});

test('a server that never recovers from the probe is started again without it', async () => {
  const limits = { handles: 2, acquireTimeoutMs: 4_000, startTimeoutMs: 4_000 };
  await using server = testUpstream({ ...scripted('stuck-after-probe'), probeTimeoutMs: 1, limits });
  await expectEcho(server);
  await server.upstream.close();
  expect(server.pids()).toHaveLength(2);
});

test('the verdict is remembered: the next handle is opened without a probe', async () => {
  await using server = testUpstream(scripted('normal'));
  await expectEcho(server);
  await using(
    server.upstream,
    async (handle) => textOf(await callTool(handle, 'echo')),
    need({ principal: { key: 'bob', personal: true } }),
  );
  expect(server.sent().filter((method) => method === 'server/discover')).toHaveLength(1);
});

test('era: legacy never probes', async () => {
  await using server = testUpstream({ ...scripted('exits-on-probe'), era: 'legacy' });
  await expectEcho(server);
  expect(server.sent()[0]).toBe('initialize');
});

test('era: modern refuses a legacy server and leaves no process behind', async () => {
  await using server = testUpstream({ ...scripted('normal'), era: 'modern' });
  await expect(server.upstream.acquire(need())).rejects.toMatchObject({ code: 'upstream.version' });
});

test.each(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])(
  'the answered version %s is accepted',
  async (version) => {
    await using server = testUpstream(scripted('version', version));
    expect(await using(server.upstream, async (handle) => handle.revision)).toBe(version);
  },
);

test.each(['1999-01-01', '2024-10-07', '2026-07-28'])('the answered version %s is refused', async (version) => {
  await using server = testUpstream({ ...scripted('version', version), era: 'legacy' });
  await expect(server.upstream.acquire(need())).rejects.toMatchObject({ code: 'upstream.version' });
});

test('a server that refuses our version but names one of ours gets that one', async () => {
  await using server = testUpstream(scripted('strict', '2024-11-05'));
  expect(await using(server.upstream, async (handle) => handle.revision)).toBe('2024-11-05');
});

test('a server that speaks only a future revision is refused', async () => {
  await using server = testUpstream(scripted('modern-only'));
  await expect(server.upstream.acquire(need())).rejects.toMatchObject({ code: 'upstream.version' });
});

test('a program that does not exist is unavailable, and the cause says why', async () => {
  await using server = testUpstream({ kind: 'stdio', command: '/no/such/program', args: [], env: {} });
  const error = await Promise.resolve(server.upstream.acquire(need())).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'upstream.unavailable', cause: expect.stringContaining('ENOENT') });
});

test('a program that ends at once is unavailable, and the cause says how it ended', async () => {
  await using server = testUpstream({ ...scripted('exits-at-once'), era: 'legacy' });
  const error = await Promise.resolve(server.upstream.acquire(need())).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: 'upstream.unavailable',
    cause: expect.stringMatching(/exited with code 7.*pid/s),
  });
});

test('the opening is bounded: a program that never answers is ended, however deaf', async () => {
  const limits = { handles: 1, acquireTimeoutMs: 20_000, startTimeoutMs: 200 };
  await using server = testUpstream({ ...scripted('dumb'), limits });
  await expect(server.upstream.acquire(need())).rejects.toMatchObject({ code: 'upstream.timeout' });
});

test('closing the gateway ends a program that is still starting', async () => {
  await using server = testUpstream(scripted('dumb'));
  const acquired = server.upstream.acquire(need());
  await server.stderr(/^pid/);
  await Promise.all([expect(acquired).rejects.toMatchObject({ code: 'gateway.draining' }), server.upstream.close()]);
  expect(server.pids().some(isAlive)).toBe(false);
});

test('the server is told the gateway by name, the client by title, and what the client can be asked', async () => {
  await using server = testUpstream(scripted('normal'));
  const profile = {
    elicitForm: true,
    elicitUrl: false,
    sampling: true,
    samplingTools: false,
    samplingContext: false,
    roots: false,
  };
  const clientInfo = Buffer.from('{"name":"claude-ai","version":"9"}');
  const told = await using(
    server.upstream,
    async (handle) => JSON.parse(handle.server.info.toString()),
    need({ profile, clientInfo }),
  );
  expect(told.params).toEqual({
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: { form: {} }, sampling: {} },
    clientInfo: { name: 'breakwater', title: 'claude-ai', version: '0.0.0-test' },
  });
});

test('a server that asks for roots before any request is refused and goes on', async () => {
  await using server = testUpstream(scripted('asks-at-once'));
  await expectEcho(server);
});

async function expectEcho(server: ReturnType<typeof testUpstream>): Promise<void> {
  const outcome = await using(server.upstream, (handle) => callTool(handle, 'echo', { a: 1 }));
  expect(jsonOf(outcome)).toMatchObject({ received: { name: 'echo', arguments: { a: 1 } } });
}
