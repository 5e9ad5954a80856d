import type { Era } from './call-through.ts';

// Without listChanged: the gateway waits 5 s for a feed that a hostile server never acknowledges.
const CAPABILITIES = '"capabilities":{"tools":{}}';

/** What a polite server of this era answers to the messages that come before a call; undefined for the call itself. */
export function handshakeResult(era: Era, method: string | undefined): string | undefined {
  if (method === 'initialize') {
    return `{"protocolVersion":"2025-11-25",${CAPABILITIES},"serverInfo":{"name":"hostile","version":"1"}}`;
  }
  if (method === 'server/discover' && era === 'modern') {
    return `{"resultType":"complete","supportedVersions":["2026-07-28"],${CAPABILITIES},"ttlMs":0,"cacheScope":"private"}`;
  }
  return undefined;
}

/** An empty list, for servers whose silence is only about the call: the gateway waits 30 s for a list, whatever its configuration says. */
export function listResult(era: Era): string {
  return era === 'legacy' ? '{"tools":[]}' : '{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private"}';
}
