import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { isGatewayError } from '../../packages/breakwater/src/core/errors.ts';
import { deriveKeys } from '../../packages/breakwater/src/fleet/keys.ts';
import { connectPeer } from '../../packages/breakwater/src/fleet/peer-tls.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { callOnce, effectsFile, needOf, SECRET, startNode, toolsUpstream } from './support.ts';

const UPSTREAM = toolsUpstream('/dev/null');
const OTHER = 'another secret that the fleet does not have';
const NEW = 'the secret that comes after the first one did';

/** What becomes of a TLS connection: the suite it ends up with, or the error. */
async function handshake(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, checkServerIdentity: () => undefined, ...options });
  return new Promise((resolve) => {
    socket.once('secureConnect', () => {
      resolve(socket.getCipher().name);
      socket.destroy();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

test('the peer port takes one suite: pre-shared key, ephemeral exchange, authenticated cipher', async () => {
  await using node = await startNode(new MemoryStore(systemClock), { upstream: UPSTREAM });
  const socket = await connectPeer(node.fleet.address, deriveKeys([SECRET]).peer, systemClock);
  expect(socket.getCipher().name).toBe('ECDHE-PSK-CHACHA20-POLY1305');
  expect(socket.getProtocol()).toBe('TLSv1.2');
  socket.destroy();
});

test('attack: without the secret there is no connection, whatever is offered', async () => {
  await using node = await startNode(new MemoryStore(systemClock), { upstream: UPSTREAM });
  const { port } = node.fleet.address;
  const [{ id }] = deriveKeys([SECRET]).peer;
  const [{ key: wrong }] = deriveKeys([OTHER]).peer;
  const suite = { ciphers: 'ECDHE-PSK-CHACHA20-POLY1305', maxVersion: 'TLSv1.2' } as const;
  // A known name, another key.
  expect(await handshake(port, { ...suite, pskCallback: () => ({ identity: id, psk: wrong }) })).toMatch(/^ERR_SSL/);
  // A name that nobody has.
  expect(await handshake(port, { ...suite, pskCallback: () => ({ identity: 'nobody', psk: wrong }) })).toMatch(
    /^ERR_SSL/,
  );
  // No key at all: certificates, and suites without authentication.
  expect(await handshake(port, {})).toMatch(/^ERR_SSL/);
  expect(await handshake(port, { maxVersion: 'TLSv1.2', ciphers: 'aNULL:ALL:@SECLEVEL=0' })).toMatch(/^ERR_SSL/);
  // The right key over an exchange that would give recorded traffic away with it.
  const [{ key }] = deriveKeys([SECRET]).peer;
  const plain = { ciphers: 'PSK-AES256-GCM-SHA384', maxVersion: 'TLSv1.2' } as const;
  expect(await handshake(port, { ...plain, pskCallback: () => ({ identity: id, psk: key }) })).toMatch(/^ERR_SSL/);
});

test('attack: plain HTTP on the peer port gets nothing', async () => {
  await using node = await startNode(new MemoryStore(systemClock), { upstream: UPSTREAM });
  const socket = connectTcp(node.fleet.address.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.write('GET /alive HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'close');
  expect(answer).not.toContain('HTTP/1.1');
});

test('attack: what strangers do to the peer port is said once, not once each', async () => {
  await using node = await startNode(new MemoryStore(systemClock), { upstream: UPSTREAM });
  for (let i = 0; i < 5; i++) await handshake(node.fleet.address.port, {});
  const notices = node.events.filter((event) => event.type === 'notice' && /peer port/.test(event.message));
  expect(notices).toHaveLength(1);
});

test('a node of another fleet on the same store borrows nothing and is told that the owner is changing', async () => {
  await using file = await effectsFile();
  const store = new MemoryStore(systemClock);
  const upstream = toolsUpstream(file.path);
  await using owner = await startNode(store, { upstream });
  await using stranger = await startNode(store, {
    upstream: { ...upstream, limits: { ...upstream.limits, startTimeoutMs: 1_500 } },
    secrets: [OTHER],
  });
  await callOnce(owner, 'pid');
  const refused = await callOnce(stranger, 'pid').catch((error: unknown) => error);
  expect(isGatewayError(refused) && refused.code).toMatch(/^(fleet\.owner-gone|upstream\.timeout)$/);
  expect((await file.lines()).filter((line) => line.startsWith('start'))).toHaveLength(1);
});

test('a secret is rotated in any order: one in common is enough', async () => {
  await using file = await effectsFile();
  const upstream = toolsUpstream(file.path);
  const rings = [[SECRET], [SECRET, NEW], [NEW, SECRET], [NEW]] as const;
  for (const [at, secrets] of rings.slice(0, -1).entries()) {
    const store = new MemoryStore(systemClock);
    const next = rings[at + 1] ?? [];
    await using owner = await startNode(store, { upstream, secrets });
    await using other = await startNode(store, { upstream, secrets: next });
    expect(await callOnce(other, 'pid')).toBe(await callOnce(owner, 'pid'));
    // And the other way round.
    const need = needOf('anna');
    expect(await callOnce(owner, 'pid', {}, need)).toBe(await callOnce(other, 'pid', {}, need));
  }
});

test('secrets that are too short are refused before anything listens', () => {
  expect(() => deriveKeys(['short'])).toThrow(TypeError);
  expect(() => deriveKeys([])).toThrow(TypeError);
});
