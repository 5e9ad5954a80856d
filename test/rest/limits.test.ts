/** What the plain HTTP door holds, and for how long, under a clock that the test moves. */
import { request } from 'node:http';
import { describe, expect, test } from 'vitest';
import { Harness } from '../downstream/harness.ts';
import { eventsOf, get, post, postForEvents, readEvents } from './support.ts';

const ASYNC = { prefer: 'respond-async' };
const heldCalls = { perPrincipal: 10, total: 10, bytes: 1_000, ttlMs: 60_000 };
const result = (text: string) => `{"resultType":"complete","content":[{"type":"text","text":"${text}"}]}`;

async function hold(harness: Harness): Promise<string> {
  const { headers, status } = await post(harness.url('/api/tools/hold'), {}, ASYNC);
  expect(status).toBe(202);
  return headers.get('location') ?? '';
}

/** Ends the oldest held call and waits until its outcome can be fetched. */
async function finish(harness: Harness, location: string, text: string): Promise<void> {
  (await harness.handler.next()).finish(result(text));
  await expect.poll(async () => (await get(location)).json['status'], { timeout: 20_000 }).toBe('done');
}

describe('outcomes', () => {
  test('are forgotten after their time', async () => {
    await using harness = await Harness.start({ options: { heldCalls } });
    const location = await hold(harness);
    // However long it runs.
    harness.clock.advance(600_000);
    expect((await get(location)).json).toMatchObject({ status: 'running' });
    await finish(harness, location, 'x');
    harness.clock.advance(59_999);
    expect((await get(location)).status).toBe(200);
    harness.clock.advance(1);
    expect((await get(location)).status).toBe(404);
    await harness.closed('call', 'expired');
    expect(harness.ledger.counts.call).toBe(0);
  });

  // Attack: results of many megabytes that nobody fetches fill the memory.
  test('take a bounded room: the oldest go first', async () => {
    await using harness = await Harness.start({ options: { heldCalls } });
    const locations: string[] = [];
    for (const text of ['a', 'b', 'c']) {
      const location = await hold(harness);
      await finish(harness, location, text.repeat(400));
      locations.push(location);
    }
    expect(await Promise.all(locations.map(async (location) => (await get(location)).status))).toEqual([404, 200, 200]);
  });

  // Attack: somebody's large outcomes push out what somebody else has paid for and not fetched yet.
  test('of one caller push out their own first', async () => {
    await using harness = await Harness.start({ options: { heldCalls } });
    const as = async (principal: string, text: string) => {
      const { headers } = await post(harness.url('/api/tools/hold'), {}, { ...ASYNC, 'x-principal': principal });
      const location = headers.get('location') ?? '';
      (await harness.handler.next()).finish(result(text));
      return location;
    };
    const status = async (principal: string, location: string) =>
      (await get(location, { 'x-principal': principal })).json['status'];
    const victim = await as('victim', 'v');
    await expect.poll(() => status('victim', victim), { timeout: 20_000 }).toBe('done');
    const large: string[] = [];
    for (let at = 0; at < 5; at++) {
      const location = await as('mallory', 'm'.repeat(400));
      await expect.poll(() => status('mallory', location), { timeout: 20_000 }).toBe('done');
      large.push(location);
    }
    expect(await status('victim', victim)).toBe('done');
    const kept = await Promise.all(large.map((location) => status('mallory', location)));
    expect(kept).toEqual([404, 404, 404, 'done', 'done']);
  });

  test('one that is larger than the room says so', async () => {
    await using harness = await Harness.start({ options: { heldCalls } });
    const location = await hold(harness);
    await finish(harness, location, 'x'.repeat(2_000));
    expect((await get(location)).json).toMatchObject({ error: { status: 502, code: 'upstream.too-large' } });
  });

  // Attack: many names for one stranger.
  test('all callers together hold a bounded number', async () => {
    await using harness = await Harness.start({ options: { heldCalls: { ...heldCalls, perPrincipal: 2, total: 3 } } });
    const status = async (principal: string) =>
      (await post(harness.url('/api/tools/hold'), {}, { ...ASYNC, 'x-principal': principal })).status;
    expect([await status('a'), await status('a'), await status('a')]).toEqual([202, 202, 429]);
    expect([await status('b'), await status('c')]).toEqual([202, 429]);
  });
});

/** Starts a call as a stranger who comes from this address. */
function holdFrom(harness: Harness, localAddress: string): Promise<number | undefined> {
  const headers = { 'content-type': 'application/json', ...ASYNC };
  return new Promise((resolve, reject) => {
    const sent = request(harness.url('/api/tools/hold'), { method: 'POST', localAddress, headers, agent: false });
    sent.on('response', (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode));
    });
    sent.on('error', reject);
    sent.end('{}');
  });
}

// Attack: strangers have one principal between them; one of them holds everything that is there for all.
test('one stranger holds no more than a person may, and another one still finds room', async () => {
  const principalOf = () => ({ key: 'anonymous', personal: false });
  await using harness = await Harness.start({
    options: { principalOf, heldCalls: { ...heldCalls, perPrincipal: 2, total: 5 } },
  });
  const from = async (address: string, times: number) => {
    const statuses: (number | undefined)[] = [];
    for (let at = 0; at < times; at++) statuses.push(await holdFrom(harness, address));
    return statuses;
  };
  expect(await from('127.0.0.1', 3)).toEqual([202, 202, 429]);
  expect(await from('127.0.0.2', 3)).toEqual([202, 202, 429]);
  expect(await from('127.0.0.3', 2)).toEqual([202, 429]);
});

test('a silent stream says that it is alive, before and after its first event', async () => {
  await using harness = await Harness.start();
  const answering = postForEvents(harness.url('/api/tools/hold'), {});
  const held = await harness.handler.next();
  harness.clock.advance(10_000);
  const answer = await answering;
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  held.progress(1);
  held.finish(result('late'));
  expect((await readEvents(answer)).map(({ event }) => event)).toEqual(['progress', 'result']);
  expect(harness.ledger.counts.stream).toBe(0);
});

test('the server’s own progress token is shown to nobody', async () => {
  await using harness = await Harness.start();
  const answering = postForEvents(harness.url('/api/tools/stream'), {});
  const [first] = await readEvents(await answering);
  expect(first).toEqual({ event: 'progress', data: { progress: 1, message: '' } });
});

describe('a gateway that ends', () => {
  test('refuses with a problem, lets what runs finish, and then holds nothing', async () => {
    await using harness = await Harness.start({ options: { heldCalls } });
    const waiting = post(harness.url('/api/tools/hold'), {});
    const first = await harness.handler.next();
    const location = await hold(harness);
    const second = await harness.handler.next();
    const stream = await fetch(location, { headers: { accept: 'text/event-stream' } });
    const closing = harness.downstream.close();
    const refused = await post(harness.url('/api/tools/echo'), {});
    expect(refused).toMatchObject({ status: 503, json: { code: 'gateway.draining', retryable: true } });
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    first.finish(result('in time'));
    second.finish(result('too'));
    expect((await waiting).json).toMatchObject({ content: [{ text: 'in time' }] });
    for await (const { event, data } of eventsOf(stream)) {
      expect([event, data['content']]).toEqual(['result', [{ type: 'text', text: 'too' }]]);
    }
    await closing;
    expect(harness.ledger.counts).toMatchObject({ call: 0, stream: 0 });
  });

  test('a reload lets running calls finish on both sides', async () => {
    await using harness = await Harness.start({ options: { heldCalls } });
    const location = await hold(harness);
    const reloaded = harness.reload();
    expect((await get(location)).json['status']).toBe('running');
    await finish(harness, location, 'x');
    await reloaded;
    expect((await get(location)).json['status']).toBe('done');
  });
});

// Attack: the id of a call opens its outcome; whoever reads the log must not get it from there.
test('the id of a call stands in no event', async () => {
  await using harness = await Harness.start({ options: { heldCalls } });
  const location = await hold(harness);
  await finish(harness, location, 'x');
  await fetch(location, { method: 'DELETE' });
  await harness.closed('call', 'client');
  expect(JSON.stringify(harness.events)).not.toContain(location.split('/').at(-1));
});

// Attack: a bug in the gateway must not leave a caller without an answer, a call without an end, or a drain that never finishes.
test('a failure inside is a problem and leaves nothing', async () => {
  const harness = await Harness.start({ options: { heldCalls } });
  for (const headers of [{}, ASYNC, { accept: 'text/event-stream' }]) {
    const answer = await post(harness.url('/api/tools/throw'), {}, headers);
    expect(answer).toMatchObject({ status: 500, json: { code: 'gateway.internal', exchange: expect.any(String) } });
  }
  expect(harness.ledger.counts.call).toBe(0);
  await harness.downstream.close();
  await harness[Symbol.asyncDispose]();
});
