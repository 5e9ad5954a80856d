/** What a legacy session subscribes to is asked of a server like anything else, and on record like it. */
import { rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { openSession } from '../requirements/support/clients.ts';
import { startGateway } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { legacyScript } from '../requirements/support/scripted-eras.ts';
import {
  beginStream,
  errorOf,
  resultOf,
  type ScriptedUpstream,
  sendJson,
  startScripted,
} from '../requirements/support/scripted-upstream.ts';
import { KEY, recordsOf, scratch } from './support.ts';

/** A server that takes every subscription but those to a URI with `bad` in it. */
function startServer(): Promise<ScriptedUpstream> {
  return startScripted(
    legacyScript({
      instead: (request, response) => {
        const isWatch = /^resources\/(un)?subscribe$/.test(String(request.message?.['method']));
        if (request.verb === 'GET') beginStream(response);
        else if (isWatch && JSON.stringify(request.message).includes('bad'))
          sendJson(response, 200, errorOf(request, -32002, 'no'));
        else if (isWatch) sendJson(response, 200, resultOf(request, {}));
        else return false;
        return true;
      },
    }),
  );
}

function startAudited(upstream: ScriptedUpstream, file: string, mode: 'required' | 'best-effort') {
  process.env['TEST_AUDIT_KEY'] = KEY;
  return startGateway({
    upstreams: { one: { url: upstream.url, era: 'legacy' } },
    audit: { file, key: { env: 'TEST_AUDIT_KEY' }, mode },
  });
}

// Attack: somebody has a server watch a file, and the node dies before anything of it was written.
it('required: a subscription is in the file when its server hears of it, and is not asked for where it cannot be', async () => {
  await using place = await scratch();
  await using upstream = await startServer();
  await using gateway = await startAudited(upstream, place.file, 'required');
  const session = await openSession(gateway.url);
  await session.request('resources/subscribe', { uri: 'x://a' });
  // Nothing was flushed: it was written before.
  const starts = async () => (await recordsOf(place.file)).filter(({ event }) => event === 'exchange.start');
  expect(await starts()).toMatchObject([{ op: { method: 'resources/subscribe', resource: 'x://a' } }]);
  await session.request('resources/unsubscribe', { uri: 'x://a' });
  expect(at((await starts())[1], 'op', 'method')).toBe('resources/unsubscribe');

  await rm(place.folder, { recursive: true });
  const refused = await session.request('resources/subscribe', { uri: 'x://b' });
  expect([refused.status, at(refused.json(), 'error', 'data', 'reason')]).toEqual([503, 'audit.unavailable']);
  expect(JSON.stringify(upstream.seen)).not.toContain('x://b');
});

it('best effort: who subscribed to what, and how that ended, is on record', async () => {
  await using place = await scratch();
  await using upstream = await startServer();
  const gateway = await startAudited(upstream, place.file, 'best-effort');
  const session = await openSession(gateway.url);
  await session.request('resources/subscribe', { uri: 'x://good' });
  await session.request('resources/subscribe', { uri: 'x://bad' });
  await gateway.close();
  const ends = (await recordsOf(place.file)).filter(({ event }) => event === 'exchange.end');
  expect(ends).toMatchObject([
    { op: { method: 'resources/subscribe', resource: 'x://good' }, outcome: 'ok', edge: false },
    { op: { method: 'resources/subscribe', resource: 'x://bad' }, outcome: 'failed', code: 'upstream.subscription' },
  ]);
});
