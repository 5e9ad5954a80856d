import { describe, expect, test } from 'vitest';
import { ACCOMMODATIONS, type AccommodationId } from '../../packages/breakwater/src/downstream/accommodations.ts';
import { call, INITIALIZED, initializeMessage, openSession, post, request, send, sendRaw } from './client.ts';
import { Harness } from './harness.ts';

/** What a client does, the status it gets with the accommodation, and the one without. */
interface Replay {
  readonly run: (harness: Harness) => Promise<number>;
  readonly on: number;
  readonly off: number;
  /** How often the accommodation counts in one run. */
  readonly uses?: number;
}

const PING = JSON.stringify(request('ping'));

function rawPing(headers: string) {
  return async (harness: Harness): Promise<number> => {
    const text = `POST /mcp HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${PING.length}\r\n\r\n${PING}`;
    return Number((await sendRaw(harness, text)).split(' ')[1]);
  };
}

function accepting(accept: string) {
  return async (harness: Harness): Promise<number> =>
    (await send(harness, 'POST', { 'content-type': 'application/json', accept }, PING)).status;
}

async function openPending(harness: Harness): Promise<Record<string, string>> {
  const answer = await post(harness, initializeMessage());
  return { 'mcp-session-id': answer.headers.get('mcp-session-id') ?? '' };
}

const CLAIM = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2025-11-25' } };

// Every accommodation of the table has its client here; the last test of this file sees to that.
const REPLAYS: Readonly<Record<AccommodationId, Replay>> = {
  'content-type-missing': { run: rawPing('Accept: application/json, text/event-stream\r\n'), on: 200, off: 415 },
  'accept-missing': { run: rawPing('Content-Type: application/json\r\n'), on: 200, off: 406 },
  'accept-wildcard': { run: accepting('*/*'), on: 200, off: 406 },
  'wildcard-2024': {
    // A client that reads "data: " lines alone: without one there is nothing, which stands here as 0.
    run: async (harness) => {
      const headers = { 'content-type': 'application/json', accept: '*/*' };
      const answer = await send(harness, 'POST', headers, JSON.stringify(initializeMessage('2024-11-05')));
      return /^data: /m.test(answer.text) ? answer.status : 0;
    },
    on: 200,
    off: 0,
  },
  'accept-foreign': { run: accepting('text/html'), on: 200, off: 406 },
  'accept-json-only': { run: accepting('application/json'), on: 200, off: 406 },
  'accept-sse-only': { run: accepting('text/event-stream'), on: 200, off: 406 },
  'liveness-probe': { run: async (harness) => (await send(harness, 'GET', {})).status, on: 200, off: 405 },
  'downgraded-post': {
    // A client that gets no word of the redirect stands here as 0.
    run: async (harness) => {
      const answer = await send(harness, 'GET', { 'content-type': 'application/json' });
      return String(answer.json['hint']).includes('redirect') ? answer.status : 0;
    },
    on: 200,
    off: 0,
  },
  'delete-idempotent': {
    run: async (harness) => (await send(harness, 'DELETE', { 'mcp-session-id': 'gone' })).status,
    on: 200,
    off: 404,
  },
  'initialized-skipped': {
    run: async (harness) => {
      const headers = await openPending(harness);
      await post(harness, call('echo'), headers);
      return (await post(harness, call('echo'), headers)).status;
    },
    on: 200,
    off: 400,
  },
  'initialized-doubled': {
    run: async (harness) => (await post(harness, INITIALIZED, await openSession(harness))).status,
    on: 202,
    off: 400,
  },
  'initialized-sessionless': { run: async (harness) => (await post(harness, INITIALIZED)).status, on: 202, off: 400 },
  'initialize-with-session-id': {
    run: async (harness) => (await post(harness, initializeMessage(), { 'mcp-session-id': 'gone' })).status,
    on: 200,
    off: 404,
  },
  'initialize-pinned-version': {
    run: async (harness) =>
      (await post(harness, initializeMessage('2025-11-25'), { 'mcp-protocol-version': '2025-03-26' })).status,
    on: 200,
    off: 400,
  },
  'sessionless-requests': { run: async (harness) => (await post(harness, call('echo'))).status, on: 200, off: 400 },
  'version-mismatch': {
    run: async (harness) => {
      const headers = await openSession(harness, '2025-06-18');
      return (await post(harness, call('echo'), { ...headers, 'mcp-protocol-version': '2025-03-26' })).status;
    },
    on: 200,
    off: 400,
  },
  'legacy-claim': {
    run: async (harness) => (await post(harness, request('tools/list', CLAIM), await openSession(harness))).status,
    on: 200,
    off: 400,
  },
  'batch-unknown-version': {
    run: async (harness) => (await post(harness, [request('ping')])).status,
    on: 200,
    off: 400,
  },
  'duplicate-ids': {
    run: async (harness) => {
      const headers = await openSession(harness);
      const first = post(harness, call('hold', {}, 1), headers);
      const held = await harness.handler.next();
      const second = await post(harness, call('echo', {}, 1), headers);
      held.finish();
      await first;
      return second.status;
    },
    on: 200,
    off: 400,
  },
  'trailing-slash': {
    run: async (harness) => (await post(harness, request('ping'), {}, '/mcp/')).status,
    on: 200,
    off: 404,
  },
  'escaped-link': {
    run: async (harness) => {
      const answer = await send(harness, 'GET', {}, undefined, '/mcp&quot');
      if (answer.status === 308) expect(answer.headers.get('location')).toBe(harness.url());
      return answer.status;
    },
    on: 308,
    off: 404,
  },
  'sse-path-post': {
    run: async (harness) => (await post(harness, request('ping'), {}, '/mcp/sse')).status,
    on: 200,
    off: 405,
  },
};

describe.each(Object.entries(REPLAYS))('%s', (id, { run, on, off, uses = 1 }) => {
  test(`is served ${on} and counted`, async () => {
    await using harness = await Harness.start({ routes: [{ accommodations: { [id]: true } }] });
    expect(await run(harness)).toBe(on);
    expect(harness.used(id)).toBe(uses);
    const events = harness.events.filter((event) => event.type === 'accommodation' && event.id === id);
    expect(events).toContainEqual({ type: 'accommodation', id, route: '/mcp' });
  });

  test(`switched off is ${off} and not counted`, async () => {
    await using harness = await Harness.start({ routes: [{ accommodations: { [id]: false } }] });
    expect(await run(harness)).toBe(off);
    expect(harness.used(id)).toBe(0);
  });
});

test('a client within the specification uses none', async () => {
  await using harness = await Harness.start();
  const headers = await openSession(harness);
  await post(harness, call('echo'), headers);
  await post(harness, call('stream', {}, 2), headers);
  await send(harness, 'DELETE', headers);
  expect(harness.events.filter((event) => event.type === 'accommodation')).toEqual([]);
});

test('every accommodation of the table has a replay', () => {
  expect(Object.keys(REPLAYS).sort()).toEqual(ACCOMMODATIONS.map((row) => row.id).sort());
});

test('a switch for none of them is a mistake', async () => {
  await expect(Harness.start({ routes: [{ accommodations: { 'no-such-thing': true } }] })).rejects.toThrow(TypeError);
});
