import { afterEach, describe, expect, test } from 'vitest';
import type { HandleNeed, ServerChange } from '../../packages/breakwater/src/core/ports.ts';
import {
  callTool,
  childPids,
  client,
  jsonOf,
  need,
  paramsOf,
  scripted,
  start,
  testUpstream,
  textOf,
  using,
} from './harness.ts';

afterEach(() => expect(childPids()).toEqual([]));

const ASKABLE = { elicitation: {}, sampling: {}, roots: {} };
const askable = client('2025-11-25', ASKABLE);
const asking = (): HandleNeed => need({ profile: askable.profile, sessionId: 's1' });

test('results pass as the bytes they came in', async () => {
  await using server = testUpstream(scripted('normal'));
  const outcome = await using(server.upstream, (handle) => callTool(handle, 'big-number'));
  expect(outcome).toMatchObject({ kind: 'result', revision: '2025-11-25' });
  expect(outcome.kind === 'result' && outcome.result.toString()).toBe('{"n":12345678901234567890,"z":1,"a":1.0}');
});

test('an error of the server is its answer, not a failure', async () => {
  await using server = testUpstream(scripted('normal'));
  const outcome = await using(server.upstream, (handle) => start(handle, 'prompts/list').done);
  expect(outcome.kind).toBe('error');
  expect(jsonOf(outcome)).toEqual({ code: -32601, message: 'Method not found' });
});

test('a token and an id of ours replace the client’s, and reserved keys go no further', async () => {
  await using server = testUpstream(scripted('normal'));
  const params = {
    name: 'echo',
    _meta: { progressToken: 'theirs', 'io.modelcontextprotocol/protocolVersion': '2026-07-28', traceparent: '00-1' },
  };
  const outcome = await using(
    server.upstream,
    (handle) => start(handle, 'tools/call', params, { progress: true }).done,
  );
  const { received } = jsonOf<{ received: { _meta: Record<string, unknown> } }>(outcome);
  expect(received._meta).toEqual({ progressToken: expect.any(Number), traceparent: '00-1' });
});

test('lines that are no messages are ignored with a notice, and unknown ids are dropped', async () => {
  await using server = testUpstream(scripted('normal'));
  expect(textOf(await using(server.upstream, (handle) => callTool(handle, 'garbage')))).toBe('after the garbage');
  expect(server.logs.filter(({ message }) => message.includes('no JSON-RPC message')).length).toBeGreaterThan(1);
});

test('a batch from a 2025-03-26 server is read', async () => {
  await using server = testUpstream(scripted('version', '2025-03-26'));
  await using(server.upstream, async (handle) => {
    const call = start(handle, 'tools/call', { name: 'batch' }, { logLevel: 'debug' });
    expect(jsonOf(await call.done)).toEqual({ batch: true });
    expect(call.notifications.map(paramsOf)).toEqual([{ level: 'error', data: 'one' }]);
  });
});

test.each(['huge', 'huge-id-last'])('a result over the limit fails its own call and no other (%s)', async (tool) => {
  await using server = testUpstream({ ...scripted('normal'), maxMessageBytes: 10_000 });
  await using(server.upstream, async (handle) => {
    const held = start(handle, 'tools/call', { name: 'hold' });
    expect(await callTool(handle, tool, { size: 20_000 })).toMatchObject({
      kind: 'failed',
      error: { code: 'upstream.too-large' },
    });
    expect(textOf(await callTool(handle, 'log'))).toBe('logged');
    held.control.cancel('over');
  });
});

test('progress that does not increase is dropped, and so is progress for nobody', async () => {
  await using server = testUpstream(scripted('normal'));
  await using(server.upstream, async (handle) => {
    const call = start(handle, 'tools/call', { name: 'progress' }, { progress: true });
    await call.done;
    expect(call.notifications.map((notification) => paramsOf(notification)['progress'])).toEqual([1, 2]);
  });
});

test('a crash in the middle of a call fails it, ends the handle and frees its place', async () => {
  await using server = testUpstream({
    ...scripted('normal'),
    limits: { handles: 1, acquireTimeoutMs: 20_000, startTimeoutMs: 20_000 },
  });
  const lease = await server.upstream.acquire(need());
  const ended = new Promise<string>((resolve) => lease.handle.onEnd(resolve));
  expect(await callTool(lease.handle, 'crash')).toMatchObject({ kind: 'failed', error: { code: 'upstream.lost' } });
  expect(await ended).toContain('exited with code 3');
  expect(await callTool(lease.handle, 'echo')).toMatchObject({ kind: 'failed', error: { code: 'upstream.lost' } });
  lease.release();
  expect(await using(server.upstream, async (handle) => handle.id)).not.toBe(lease.handle.id);
});

test('a cancelled call is cancelled at the server and says nothing more', async () => {
  await using server = testUpstream(scripted('normal'));
  await using(server.upstream, async (handle) => {
    const call = start(handle, 'tools/call', { name: 'hold' });
    const [, id] = await server.stderr(/^holding (\d+)$/);
    call.control.cancel('the client went away');
    call.control.cancel('twice');
    expect((await server.stderr(/^cancelled (\d+)$/))[1]).toBe(id);
    expect(textOf(await callTool(handle, 'log'))).toBe('logged');
  });
});

test('closing the upstream fails what is in flight', async () => {
  await using server = testUpstream(scripted('normal'));
  const { handle } = await server.upstream.acquire(need());
  const call = start(handle, 'tools/call', { name: 'hold' });
  await server.stderr(/^holding/);
  await server.upstream.close();
  expect(await call.done).toMatchObject({ kind: 'failed', error: { code: 'upstream.lost' } });
});

test('a paused reader holds nobody else up', async () => {
  await using server = testUpstream(scripted('normal'));
  await using(server.upstream, async (handle) => {
    const slow = start(handle, 'tools/call', { name: 'hold' });
    slow.control.pause();
    expect(textOf(await callTool(handle, 'log'))).toBe('logged');
    slow.control.cancel('enough');
  });
});

test('a ping of the server is answered', async () => {
  await using server = testUpstream(scripted('normal'));
  expect(textOf(await using(server.upstream, (handle) => callTool(handle, 'ping-first')))).toBe('{}');
});

describe('logs', () => {
  test('the server’s level is lowered to the lowest asked for, once', async () => {
    await using server = testUpstream(scripted('normal'));
    await using(server.upstream, async (handle) => {
      await callTool(handle, 'echo', {}, { logLevel: 'warning' });
      await callTool(handle, 'echo', {}, { logLevel: 'error' });
      await callTool(handle, 'echo', {}, { logLevel: 'debug' });
    });
    await server.upstream.close();
    expect(server.logs.map(({ line }) => line).filter((line) => line.startsWith('level'))).toEqual([
      'level warning',
      'level debug',
    ]);
  });

  test('a message goes to the only call in flight, filtered by its level', async () => {
    await using server = testUpstream(scripted('normal'));
    await using(server.upstream, async (handle) => {
      const wanted = start(handle, 'tools/call', { name: 'log' }, { logLevel: 'info' });
      await wanted.done;
      expect(wanted.notifications).toHaveLength(1);
      const severe = start(handle, 'tools/call', { name: 'log' }, { logLevel: 'error' });
      await severe.done;
      expect(severe.notifications).toHaveLength(0);
      const modern = start(handle, 'tools/call', { name: 'log' }, { client: client('2026-07-28') });
      await modern.done;
      expect(modern.notifications).toHaveLength(0);
    });
  });

  test('with two calls in flight it goes to neither', async () => {
    // Attack: what a server logs about one call read by another.
    await using server = testUpstream(scripted('normal'));
    await using(server.upstream, async (handle) => {
      const held = start(handle, 'tools/call', { name: 'hold' }, { logLevel: 'debug' });
      const logging = start(handle, 'tools/call', { name: 'log' }, { logLevel: 'debug' });
      await logging.done;
      expect([held.notifications, logging.notifications]).toEqual([[], []]);
      held.control.cancel('over');
    });
  });
});

describe('questions', () => {
  test('the only interactive call is asked, and the first answer counts', async () => {
    await using server = testUpstream(scripted('normal'));
    await using(
      server.upstream,
      async (handle) => {
        const call = start(handle, 'tools/call', { name: 'ask' }, { client: askable });
        const question = await call.asked;
        expect(question).toMatchObject({ method: 'elicitation/create', revision: '2025-11-25' });
        question.answer({ result: Buffer.from('{"action":"accept","content":{"n":12345678901234567890}}') });
        question.answer({ error: { code: -1, message: 'too late' } });
        expect(textOf(await call.done)).toContain('"action":"accept"');
      },
      asking(),
    );
  });

  test('of several calls the oldest whose client can be asked this is', async () => {
    await using server = testUpstream(scripted('normal'));
    await using(
      server.upstream,
      async (handle) => {
        const unable = start(handle, 'tools/call', { name: 'hold' });
        const oldest = start(handle, 'tools/call', { name: 'hold' }, { client: askable });
        const asker = start(handle, 'tools/call', { name: 'ask' }, { client: askable });
        (await oldest.asked).answer({ result: Buffer.from('{"action":"decline"}') });
        expect(textOf(await asker.done)).toBe('{"action":"decline"}');
        expect([unable.questions, asker.questions]).toEqual([[], []]);
        for (const call of [unable, oldest]) call.control.cancel('over');
      },
      asking(),
    );
  });

  test.each(['elicitation/create', 'sampling/createMessage', 'roots/list', 'tasks/get'])(
    'a server is refused %s when the client cannot be asked it',
    async (method) => {
      await using server = testUpstream(scripted('normal'));
      const call = await using(server.upstream, (handle) => callTool(handle, 'ask', { method }));
      expect(JSON.parse(textOf(call))).toMatchObject({ code: -32601 });
    },
  );

  test('strangers who share a handle are never asked', async () => {
    // Attack: an answer typed by one stranger taken for another's.
    await using server = testUpstream(scripted('normal'));
    const wanted = need({ principal: { key: 'public', personal: false }, profile: askable.profile });
    await using(
      server.upstream,
      async (handle) => {
        expect(JSON.parse(handle.server.info.toString()).params.capabilities).toEqual({});
        expect(textOf(await callTool(handle, 'ask', {}, { client: askable }))).toContain('-32601');
        const log = start(handle, 'tools/call', { name: 'log' }, { logLevel: 'debug' });
        await log.done;
        expect(log.notifications).toEqual([]);
      },
      wanted,
    );
  });

  test('a question that the server withdraws is withdrawn', async () => {
    await using server = testUpstream(scripted('normal'));
    await using(
      server.upstream,
      async (handle) => {
        const call = start(handle, 'tools/call', { name: 'ask-and-withdraw' }, { client: askable });
        const question = await call.asked;
        await new Promise<void>((resolve) => question.onWithdrawn(resolve));
        question.answer({ result: Buffer.from('{}') });
        expect(textOf(await call.done)).toBe('withdrawn');
      },
      asking(),
    );
  });

  test('a question ends with its call, and the server is told', async () => {
    await using server = testUpstream(scripted('normal'));
    await using(
      server.upstream,
      async (handle) => {
        const call = start(handle, 'tools/call', { name: 'ask-and-finish' }, { client: askable });
        const question = await call.asked;
        await new Promise<void>((resolve) => question.onWithdrawn(resolve));
        expect(textOf(await call.done)).toBe('finished first');
        await server.stderr(/^late answer .*has ended/);
      },
      asking(),
    );
  });

  test('a call that waits for an answer is not asked what another one may have asked', async () => {
    await using server = testUpstream(scripted('normal'));
    await using(
      server.upstream,
      async (handle) => {
        // Its client says nothing any more and nobody knows yet that it is lost: a question that stuck to it would end with it.
        const lost = start(handle, 'tools/call', { name: 'ask' }, { client: askable });
        await lost.asked;
        const next = start(handle, 'tools/call', { name: 'ask' }, { client: askable });
        const question = await next.asked;
        lost.control.cancel('the gateway node that made this call was lost');
        question.answer({ result: Buffer.from('{"action":"decline"}') });
        expect(textOf(await next.done)).toBe('{"action":"decline"}');
      },
      asking(),
    );
  });

  test('a question whose call was answered meanwhile was for another call, and is asked there', async () => {
    await using server = testUpstream(scripted('normal'));
    await using(
      server.upstream,
      async (handle) => {
        const oldest = start(handle, 'tools/call', { name: 'hold' }, { client: askable });
        await server.stderr(/^holding/);
        const asking = [1, 2].map(() => start(handle, 'tools/call', { name: 'ask' }, { client: askable }));
        // Nothing on the channel says whose they are: the first one goes to the oldest call.
        const first = await oldest.asked;
        const withdrawn = new Promise<void>((resolve) => first.onWithdrawn(resolve));
        await start(handle, 'tools/call', { name: 'release' }, { client: askable }).done;
        await withdrawn;
        expect(textOf(await oldest.done)).toBe('released');
        for (const each of asking) (await each.asked).answer({ result: Buffer.from('{"action":"decline"}') });
        for (const each of asking) expect(textOf(await each.done)).toBe('{"action":"decline"}');
      },
      asking(),
    );
  });

  test('interactiveConcurrency: 1 lets interactive calls run one after the other, and others beside them', async () => {
    await using server = testUpstream({ ...scripted('normal'), interactiveConcurrency: 1 });
    await using(
      server.upstream,
      async (handle) => {
        const first = start(handle, 'tools/call', { name: 'ask' }, { client: askable });
        const second = start(handle, 'tools/call', { name: 'ask' }, { client: askable });
        const third = start(handle, 'tools/call', { name: 'ask' }, { client: askable });
        const question = await first.asked;
        expect((await start(handle, 'tools/list').done).kind).toBe('error');
        expect(second.questions).toEqual([]);
        second.control.cancel('changed my mind');
        question.answer({ result: Buffer.from('{"action":"cancel"}') });
        await first.done;
        (await third.asked).answer({ result: Buffer.from('{"action":"decline"}') });
        expect(textOf(await third.done)).toBe('{"action":"decline"}');
        expect(second.questions).toEqual([]);
      },
      asking(),
    );
  });
});

describe('changes', () => {
  test('resources are subscribed once however many watch them', async () => {
    await using server = testUpstream(scripted('normal'));
    await using(server.upstream, async (handle) => {
      expect(await handle.openFeed()).toBe(true);
      expect(await Promise.all([handle.watch('a:1'), handle.watch('a:1'), handle.watch('refused:')])).toEqual([
        true,
        true,
        false,
      ]);
      await handle.unwatch('a:1');
      await handle.unwatch('a:1');
      await handle.unwatch('a:1');
    });
    await server.upstream.close();
    const lines = server.logs.map(({ line }) => line).filter((line) => line.startsWith('resources/'));
    expect(lines).toEqual(['resources/subscribe a:1', 'resources/subscribe refused:', 'resources/unsubscribe a:1']);
  });

  test('a handle that ended is told at once to whoever asks', async () => {
    await using server = testUpstream(scripted('normal'));
    const lease = await server.upstream.acquire(need());
    await server.upstream.close();
    expect(await new Promise((resolve) => lease.handle.onEnd(resolve))).toBe('closed');
    expect(await lease.handle.openFeed()).toBe(false);
    expect(await lease.handle.watch('a:1')).toBe(false);
    const changes: ServerChange[] = [];
    lease.handle.onChange((change) => changes.push(change))();
    lease.release();
  });
});
