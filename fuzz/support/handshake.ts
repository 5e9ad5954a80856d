import type { Era } from './call-through.ts';

const CAPABILITIES = '"capabilities":{"tools":{"listChanged":true}}';

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
