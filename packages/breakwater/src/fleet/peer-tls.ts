import { type ConnectionOptions, connect, type TLSSocket, type TlsOptions } from 'node:tls';
import { GatewayError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import type { PeerAddress } from './directory.ts';
import type { FleetKeys } from './keys.ts';

type PeerKeys = FleetKeys['peer'];

// TLS 1.2, because Node takes pre-shared keys in no other version; an ephemeral exchange, so that a key that leaks opens nothing recorded before; one
// suite, so that nothing can be negotiated down.
const SUITE = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const;

const CONNECT_MS = 2_000;
const KEEP_ALIVE_MS = 5_000;

/** How the peer port takes connections: from whoever holds one of the keys. It says which ones it knows, so that a rotation needs no order. */
export function serverTls(keys: PeerKeys): TlsOptions {
  return {
    ...SUITE,
    handshakeTimeout: CONNECT_MS,
    pskIdentityHint: keys.map(({ id }) => id).join(','),
    pskCallback: (_socket, identity) => keys.find(({ id }) => id === identity)?.key ?? null,
  };
}

/** Connects to a peer port, in bounded time. Rejects with `fleet.owner-gone`; nothing of ours was sent then. */
export function connectPeer(address: PeerAddress, keys: PeerKeys, clock: Clock): Promise<TLSSocket> {
  const options: ConnectionOptions = {
    ...SUITE,
    host: address.host,
    port: address.port,
    pskCallback: (hint) => {
      const known = new Set(hint?.split(','));
      const { id, key } = keys.find((each) => known.has(each.id)) ?? keys[0];
      return { identity: id, psk: key };
    },
    // There is no certificate: that the other side holds the key is what identifies it.
    checkServerIdentity: () => undefined,
  };
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    const fail = (cause: unknown): void => {
      timer.clear();
      socket.destroy();
      reject(new GatewayError('fleet.owner-gone', { cause }));
    };
    const timer = clock.after(CONNECT_MS, () => fail(new Error('no answer from the peer port')));
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      timer.clear();
      socket.off('error', fail);
      socket.on('error', () => undefined); // a 'close' follows, and that is heard
      keepAlive(socket);
      resolve(socket);
    });
  });
}

/** Makes the system find out that the other machine is gone. */
export function keepAlive(socket: TLSSocket): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
}
