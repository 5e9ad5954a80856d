import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Connections on which the last answer is being written, and that are still `node:http`'s. */
const ENDING = new WeakSet<Socket>();

/** Takes note that no other answer will follow on this connection: a head says so. */
export function noteLast(socket: Socket): void {
  ENDING.add(socket);
}

/** The connection has left `node:http`: no other request can come. */
export function forgetLast(socket: Socket): void {
  ENDING.delete(socket);
}

/**
 * True for a request that stands behind the last answer of its connection, also where that is written already and waits to be sent. Attack: what it asks for would
 * be done, and nobody could be told (RFC 9112 §9.6: it must not be processed).
 */
export function comesTooLate({ socket }: IncomingMessage): boolean {
  return ENDING.has(socket);
}
