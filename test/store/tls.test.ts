import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { freePort, startCluster, startRedis } from '../fixtures/redis.ts';
import { createAuthority } from '../listen/support/certificates.ts';
import { HURRIED, openClosing } from './open.ts';

const LONG_MS = 60_000;

test('a store over TLS is used when its certificate is believed and ours is shown', async () => {
  await using authority = await createAuthority();
  const [server, ours] = [await authority.issue('server'), await authority.issue('ours')];
  const port = await freePort();
  await using redis = await startRedis({
    args: [
      ...['--tls-port', String(port), '--tls-cert-file', server.cert, '--tls-key-file', server.key],
      ...['--tls-ca-cert-file', authority.caFile, '--tls-auth-clients', 'yes'],
    ],
  });
  const tls = { ca: authority.ca, cert: await readFile(ours.cert), key: await readFile(ours.key) };
  await using store = await openClosing({ url: `rediss://localhost:${port}`, tls });
  const heard = Promise.withResolvers<string>();
  await store.subscribe('c', (message) => heard.resolve(message.toString()));
  await store.publish('c', Buffer.from('x'));
  expect(await heard.promise).toBe('x');
  await store.write('{s:1}', { a: Buffer.from('1') }, LONG_MS);
  expect(await redis.command('exists', 'bw:{s:1}')).toBe('1');

  // Attack: somebody else answers in the store's place; an authority that we do not know vouches for them.
  const refused = { code: 'store.unavailable', cause: { message: expect.stringMatching(/certificate/) } };
  await expect(openClosing({ url: `rediss://localhost:${port}` }, HURRIED)).rejects.toMatchObject(refused);
  // Attack: a program that got the password from somewhere, but no certificate.
  const stranger = openClosing({ url: `rediss://localhost:${port}`, tls: { ca: authority.ca } }, HURRIED);
  await expect(stranger).rejects.toMatchObject({ code: 'store.unavailable' });
});

test('a cluster is not used over TLS when it speaks none', async () => {
  await using cluster = await startCluster();
  const url = cluster.url.replace('redis+', 'rediss+');
  await expect(openClosing({ url }, HURRIED)).rejects.toMatchObject({ code: 'store.unavailable' });
});
