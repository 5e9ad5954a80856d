/** Long calls over plain HTTP: listened to, fetched later, cancelled; and that nothing of them stays. */
import { describe, expect, test, vi } from 'vitest';
import { PATIENT } from '../e2e/support/programs.ts';
import { type RunningGateway, startGateway, stillOpen } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { legacyScript, modernScript } from '../requirements/support/scripted-eras.ts';
import {
  errorOf,
  resultOf,
  type ScriptedUpstream,
  sendJson,
  startScripted,
} from '../requirements/support/scripted-upstream.ts';
import { ask, eventsOf, get, post, postForEvents, readEvents, startDemo } from './support.ts';

const ASYNC = { prefer: 'respond-async' };
const SLOW = { steps: 3, delayMs: 10 };

/** A call that goes on until somebody ends it. */
const ENDLESS = { steps: 1000, delayMs: 50 };

async function slowCalls({ base }: RunningGateway): Promise<unknown> {
  return (await post(`${base}/api/tools/stats`, {})).json['structuredContent'];
}

async function openOf(gateway: RunningGateway): Promise<void> {
  await vi.waitFor(() => expect(stillOpen(gateway).filter(([kind]) => kind !== 'handle')).toEqual([]), PATIENT);
}

describe('Accept: text/event-stream', () => {
  test('progress, then the result', async () => {
    await using gateway = await startDemo();
    const answer = await postForEvents(`${gateway.base}/api/tools/slow`, SLOW);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    const events = await readEvents(answer);
    expect(events.map(({ event }) => event)).toEqual(['progress', 'progress', 'progress', 'result']);
    expect(events[0]?.data).toEqual({ progress: 1, total: 3, message: 'step 1 of 3' });
    expect(events[3]?.data).toMatchObject({ content: [{ text: 'done: 3 steps' }], isError: false });
    await openOf(gateway);
  });

  test('logs from info on', async () => {
    await using gateway = await startDemo();
    const answer = await postForEvents(`${gateway.base}/api/tools/log`, { levels: ['debug', 'info', 'error'] });
    const events = await readEvents(answer);
    expect(events.map(({ event, data }) => [event, data['level']])).toEqual([
      ['log', 'info'],
      ['log', 'error'],
      ['result', undefined],
    ]);
  });

  test('a question is an event of its own', async () => {
    await using gateway = await startDemo();
    const [event] = await readEvents(await postForEvents(`${gateway.base}/api/tools/ask`, {}));
    expect(event).toMatchObject({
      event: 'input-required',
      data: { inputRequired: { answer: {} }, how: { method: 'POST' } },
    });
  });

  test('what is wrong before the first event is told by the status, later by an event', async () => {
    let fail: () => void = () => undefined;
    await using upstream = await startScripted(
      modernScript({
        tools: [{ name: 'act', inputSchema: { type: 'object' } }],
        instead: (request, response) => {
          if (request.message?.['method'] !== 'tools/call') return false;
          const { _meta } = request.message['params'] as { _meta: { progressToken: unknown } };
          const told = { progressToken: _meta.progressToken, progress: 1 };
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          response.write(
            `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params: told })}\n\n`,
          );
          fail = () => response.end(`data: ${JSON.stringify(errorOf(request, -32603, 'out of coal'))}\n\n`);
          return true;
        },
      }),
    );
    await using gateway = await startGateway({ upstreams: { it: { url: upstream.url } }, routes: [{ path: '/mcp' }] });
    const early = await postForEvents(`${gateway.base}/api/tools/act`, {});
    expect(early.status).toBe(200);
    fail();
    const events = await readEvents(early);
    expect(events.map(({ event }) => event)).toEqual(['progress', 'error']);
    expect(events[1]?.data).toMatchObject({ status: 502, code: 'upstream.error', detail: 'out of coal' });
    await upstream.close();
    const late = await postForEvents(`${gateway.base}/api/tools/act`, {});
    expect([late.status, late.headers.get('content-type')]).toEqual([503, 'application/problem+json']);
    expect(await late.json()).toMatchObject({ code: 'upstream.unavailable', retryable: true });
  });
});

describe('who goes away cancels', () => {
  test.each(['waiting', 'listening'])('%s', async (way) => {
    await using gateway = await startDemo();
    const leave = new AbortController();
    const url = `${gateway.base}/api/tools/slow`;
    const call =
      way === 'listening'
        ? postForEvents(url, ENDLESS, leave.signal).then(async (answer) => readEvents(answer))
        : ask(url, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(ENDLESS),
            signal: leave.signal,
          });
    const gone = expect(call).rejects.toThrow();
    await vi.waitFor(async () => expect(await slowCalls(gateway)).toMatchObject({ running: 1 }), PATIENT);
    leave.abort();
    await gone;
    await vi.waitFor(
      async () => expect(await slowCalls(gateway)).toEqual({ calls: 1, running: 0, cancelled: 1 }),
      PATIENT,
    );
    await openOf(gateway);
  });
});

describe('Prefer: respond-async', () => {
  test('202, then the state, then the outcome', async () => {
    await using gateway = await startDemo();
    const started = await post(`${gateway.base}/api/tools/slow`, SLOW, ASYNC);
    const location = started.headers.get('location') ?? '';
    expect(started.status).toBe(202);
    expect(location).toMatch(new RegExp(`^${gateway.base}/api/calls/[\\w-]{20,}$`));
    expect(started.headers.get('retry-after')).toBe('1');
    expect(started.headers.get('preference-applied')).toBe('respond-async');
    expect(started.json).toMatchObject({ status: 'running', url: location });
    await vi.waitFor(async () => expect((await get(location)).json['status']).toBe('done'), PATIENT);
    const done = await get(location);
    expect(done.headers.get('retry-after')).toBeNull();
    expect(done.json).toMatchObject({
      status: 'done',
      progress: { progress: 3, total: 3 },
      result: { content: [{ text: 'done: 3 steps' }], isError: false },
    });
    // Once more: it is kept, not handed out.
    expect((await get(location)).text).toBe(done.text);
    expect((await ask(location, { method: 'DELETE' })).status).toBe(204);
    expect((await get(location)).status).toBe(404);
    await openOf(gateway);
  });

  test('with wait, an answer that comes in time is the answer', async () => {
    await using gateway = await startDemo();
    const url = `${gateway.base}/api/tools/slow`;
    const answer = await post(url, SLOW, { prefer: 'respond-async, wait=20' });
    expect([answer.status, at(answer.json, 'content', 0, 'text')]).toEqual([200, 'done: 3 steps']);
    const late = await post(url, ENDLESS, { prefer: 'respond-async, wait=1' });
    expect([late.status, late.json['status']]).toEqual([202, 'running']);
    await ask(late.headers.get('location') ?? '', { method: 'DELETE' });
    await openOf(gateway);
  });

  test('its events can be listened to, from whenever', async () => {
    await using gateway = await startDemo();
    const started = await post(`${gateway.base}/api/tools/slow`, { steps: 5, delayMs: 50 }, ASYNC);
    const location = started.headers.get('location') ?? '';
    const accept = { headers: { accept: 'text/event-stream' } };
    const live = await readEvents(await fetch(location, accept));
    expect(live.at(-1)).toMatchObject({ event: 'result', data: { content: [{ text: 'done: 5 steps' }] } });
    expect(live.length).toBeGreaterThan(1);
    const after = await readEvents(await fetch(location, accept));
    expect(after.map(({ event }) => event)).toEqual(['progress', 'result']);
  });

  test('DELETE reaches the server', async () => {
    await using gateway = await startDemo();
    const started = await post(`${gateway.base}/api/tools/slow`, ENDLESS, ASYNC);
    await vi.waitFor(async () => expect(await slowCalls(gateway)).toMatchObject({ running: 1 }), PATIENT);
    expect((await ask(started.headers.get('location') ?? '', { method: 'DELETE' })).status).toBe(204);
    await vi.waitFor(
      async () => expect(await slowCalls(gateway)).toEqual({ calls: 1, running: 0, cancelled: 1 }),
      PATIENT,
    );
    await openOf(gateway);
  });

  test('a listener that leaves cancels nothing', async () => {
    await using gateway = await startDemo();
    const started = await post(`${gateway.base}/api/tools/slow`, ENDLESS, ASYNC);
    const location = started.headers.get('location') ?? '';
    const leave = new AbortController();
    const stream = await fetch(location, { headers: { accept: 'text/event-stream' }, signal: leave.signal });
    for await (const { event } of eventsOf(stream)) if (event === 'progress') break;
    leave.abort();
    await vi.waitFor(() => expect(gateway.breakwater.counters().open.stream).toBe(0), PATIENT);
    expect((await get(location)).json['status']).toBe('running');
    await ask(location, { method: 'DELETE' });
  });

  test('what goes wrong is told by the state, not by its status', async () => {
    await using gateway = await startDemo();
    const started = await post(`${gateway.base}/api/tools/ecko`, {}, ASYNC);
    const location = started.headers.get('location') ?? '';
    await vi.waitFor(async () => expect((await get(location)).json['status']).toBe('done'), PATIENT);
    expect(await get(location)).toMatchObject({ status: 200, json: { error: { status: 404, didYouMean: ['echo'] } } });
    const [event] = await readEvents(await fetch(location, { headers: { accept: 'text/event-stream' } }));
    expect(event).toMatchObject({ event: 'error', data: { code: 'name.unknown' } });
  });

  test('a question waits with its state; the answer is a call again', async () => {
    await using gateway = await startDemo();
    const started = await post(`${gateway.base}/api/tools/ask`, {}, ASYNC);
    const location = started.headers.get('location') ?? '';
    await vi.waitFor(async () => expect((await get(location)).json['status']).toBe('needs-input'), PATIENT);
    const how = at((await get(location)).json, 'result', 'how') as { url: string; body: Record<string, unknown> };
    const inputResponses = { answer: { action: 'accept', content: { name: 'Ada' } } };
    const answered = await post(how.url, { ...how.body, inputResponses }, { prefer: 'respond-async, wait=20' });
    expect(answered.json).toMatchObject({ content: [{ text: 'Hello Ada.' }] });
  });

  // Attack: somebody who saw or guessed an id reads or ends another one's call.
  test('a call belongs to its caller and its route', async () => {
    await using gateway = await startDemo({ routes: [{ path: '/mcp' }, { path: '/other' }] });
    const started = await post(`${gateway.base}/api/tools/slow`, ENDLESS, { ...ASYNC, 'x-test-principal': 'ada' });
    const location = started.headers.get('location') ?? '';
    const eve = { 'x-test-principal': 'eve' };
    expect((await get(location, eve)).json).toMatchObject({ status: 404, code: 'call.unknown' });
    expect((await ask(location, { method: 'DELETE', headers: eve })).status).toBe(404);
    const elsewhere = location.replace('/api/', '/other/api/');
    expect((await get(elsewhere, { 'x-test-principal': 'ada' })).status).toBe(404);
    expect((await get(location, { 'x-test-principal': 'ada' })).json['status']).toBe('running');
    await ask(location, { method: 'DELETE', headers: { 'x-test-principal': 'ada' } });
    expect((await get(`${gateway.base}/api/calls/__proto__`)).status).toBe(404);
  });

  // Attack: a loop of calls that nobody fetches fills the memory and the server.
  test('a caller holds no more than a bounded number, and is told how to make room', async () => {
    await using gateway = await startDemo();
    const locations: string[] = [];
    for (let count = 0; count < 32; count++) {
      const { headers } = await post(`${gateway.base}/api/tools/stats`, {}, ASYNC);
      locations.push(headers.get('location') ?? '');
    }
    const refused = await post(`${gateway.base}/api/tools/stats`, {}, ASYNC);
    expect(refused).toMatchObject({ status: 429, json: { code: 'request.rate' } });
    expect(refused.headers.get('retry-after')).toBe('1');
    // Nobody else is hit by it.
    const other = await post(`${gateway.base}/api/tools/stats`, {}, { ...ASYNC, 'x-test-principal': 'other' });
    expect(other.status).toBe(202);
    await ask(locations[0] ?? '', { method: 'DELETE' });
    expect((await post(`${gateway.base}/api/tools/stats`, {}, ASYNC)).status).toBe(202);
  });

  test('a reload hands the calls on', async () => {
    await using gateway = await startDemo();
    const started = await post(`${gateway.base}/api/tools/echo`, { text: 'still here' }, ASYNC);
    const location = started.headers.get('location') ?? '';
    await vi.waitFor(async () => expect((await get(location)).json['status']).toBe('done'), PATIENT);
    const { createDemoFactory } = await import('../../packages/breakwater/src/demo/server.ts');
    await gateway.breakwater.reload({
      upstreams: { demo: { factory: createDemoFactory() } },
      routes: [{ path: '/mcp' }],
    });
    expect(at((await get(location)).json, 'result', 'content', 0, 'text')).toBe('still here');
  });

  test('the end of the gateway ends what is held, in order', async () => {
    const held: (() => void)[] = [];
    await using upstream: ScriptedUpstream = await startScripted(
      legacyScript({
        instead: (request, response) => {
          if (request.message?.['method'] !== 'tools/call') return false;
          held.push(() => sendJson(response, 200, resultOf(request, { content: [] })));
          return true;
        },
      }),
    );
    const gateway = await startGateway({ upstreams: { it: { url: upstream.url } }, routes: [{ path: '/mcp' }] });
    const { status } = await post(`${gateway.base}/api/tools/act`, {}, ASYNC);
    expect(status).toBe(202);
    await upstream.until(({ message }) => message?.['method'] === 'tools/call');
    expect(gateway.breakwater.counters().open.call).toBe(1);
    const closing = gateway.close();
    for (const finish of held) finish();
    await closing;
    expect(stillOpen(gateway)).toEqual([]);
  });
});
