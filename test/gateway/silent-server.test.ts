import { expect, test } from 'vitest';
import { openSession } from '../requirements/support/clients.ts';
import { startGateway, stillOpen } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { legacyScript } from '../requirements/support/scripted-eras.ts';
import { beginStream, errorOf, resultOf, sendJson, startScripted } from '../requirements/support/scripted-upstream.ts';

// Attack: a server accepts a subscription and never answers its end; every session that had one, and the shutdown, would wait for ever.
test('a server that never answers resources/unsubscribe holds neither a session nor the shutdown', async () => {
  await using upstream = await startScripted(
    legacyScript({
      instead: (request, response) => {
        if (request.verb === 'GET') {
          beginStream(response);
          return true;
        }
        if (request.message?.['method'] === 'resources/subscribe') sendJson(response, 200, resultOf(request, {}));
        return /^resources\/(un)?subscribe$/.test(String(request.message?.['method']));
      },
    }),
  );
  const gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
  const session = await openSession(gateway.url);
  expect((await session.request('resources/subscribe', { uri: 'x://a' })).json()).toMatchObject({ result: {} });
  await gateway.close();
  expect(stillOpen(gateway)).toEqual([]);
});

test('a subscription that is refused does not end one that was asked for at the same time', async () => {
  await using upstream = await startScripted(
    legacyScript({
      instead: (request, response) => {
        if (request.verb === 'GET') {
          beginStream(response);
          return true;
        }
        if (request.message?.['method'] !== 'resources/subscribe') return false;
        const isBad = JSON.stringify(request.message).includes('x://bad');
        sendJson(response, 200, isBad ? errorOf(request, -32002, 'no') : resultOf(request, {}));
        return true;
      },
    }),
  );
  await using gateway = await startGateway({ upstreams: { one: { url: upstream.url, era: 'legacy' } } });
  const session = await openSession(gateway.url);
  const answers = await Promise.all(
    ['x://bad', 'x://good', 'x://bad2'].map((uri) => session.request('resources/subscribe', { uri })),
  );
  expect(answers.filter((answer) => at(answer.json(), 'error') === undefined)).toHaveLength(1);
  expect(upstream.seen.some(({ message }) => message?.['method'] === 'resources/unsubscribe')).toBe(false);
});
