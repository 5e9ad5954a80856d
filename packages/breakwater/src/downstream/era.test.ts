import { describe, expect, test } from 'vitest';
import { parseMessage } from '../jsonrpc/parse.ts';
import { decideGet, decidePost, readVersionHeader } from './era.ts';

function decide(message: object, version?: string) {
  const parsed = parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })));
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return decidePost(parsed.value, { version, sessionId: undefined });
}

function claim(version: unknown): object {
  return { params: { _meta: { 'io.modelcontextprotocol/protocolVersion': version } } };
}

const LIST = { id: 1, method: 'tools/list' };
const INITIALIZE = { id: 1, method: 'initialize' };

// eras.md §2.1, rows 9 to 14.
describe('a posted message', () => {
  test.each([
    ['9: a claim', { ...LIST, ...claim('2026-07-28') }, undefined, 'modern'],
    ['9: a claim, legacy header', { ...LIST, ...claim('2026-07-28') }, '2025-11-25', 'modern'],
    ['9: an unknown claim', { ...LIST, ...claim('2030-01-01') }, undefined, 'modern'],
    ['9: a claim that is no string', { ...LIST, ...claim(7) }, undefined, 'modern'],
    ['9: initialize with a claim', { ...INITIALIZE, ...claim('2026-07-28') }, undefined, 'modern'],
    ['9: a legacy claim under a modern header', { ...LIST, ...claim('2025-11-25') }, '2026-07-28', 'modern'],
    ['10: initialize', INITIALIZE, undefined, 'initialize'],
    ['10: initialize under a modern header', INITIALIZE, '2026-07-28', 'initialize'],
    ['10: initialize with a legacy claim', { ...INITIALIZE, ...claim('2025-11-25') }, undefined, 'initialize'],
    ['11: no claim under a modern header', LIST, '2026-07-28', 'refuse'],
    ['11: no claim under a future header', LIST, '2031-01-01', 'refuse'],
    ['12: a response', { id: 1, result: {} }, undefined, 'legacy'],
    ['12: a response under a modern header', { id: 1, result: {} }, '2026-07-28', 'refuse'],
    ['12: an error under a modern header', { id: 1, error: { code: 1, message: '' } }, '2026-07-28', 'refuse'],
    ['13: a notification', { method: 'notifications/initialized' }, undefined, 'legacy'],
    ['13: a notification under a modern header', { method: 'x' }, '2026-07-28', 'ignore'],
    ['13: a notification with a claim', { method: 'x', ...claim('2026-07-28') }, undefined, 'ignore'],
    ['14: a request', LIST, undefined, 'legacy'],
    ['14: a request under a legacy header', LIST, '2025-06-18', 'legacy'],
    ['14: a request with a legacy claim', { ...LIST, ...claim('2025-11-25') }, undefined, 'legacy'],
  ])('%s', (_name, message, version, kind) => {
    expect(decide(message, version).kind).toBe(kind);
  });

  test('says that it carried a legacy claim', () => {
    expect(decide({ ...LIST, ...claim('2025-11-25') })).toEqual({ kind: 'legacy', legacyClaim: true });
    expect(decide(LIST)).toEqual({ kind: 'legacy', legacyClaim: false });
  });

  // Attack: two version keys, one legacy for us and one modern for the server behind us.
  test('with a repeated version key is never taken for legacy', () => {
    const key = '"io.modelcontextprotocol/protocolVersion"';
    const text = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{${key}:"2026-07-28",${key}:"2025-11-25"}}}`;
    const parsed = parseMessage(Buffer.from(text));
    expect(parsed.ok && decidePost(parsed.value, { version: undefined, sessionId: undefined }).kind).toBe('modern');
  });
});

// eras.md §2.1, rows 2 to 5.
describe('a GET', () => {
  test.each([
    ['2: a session id', { sessionId: 'a', version: undefined }, true, true, 'session-stream'],
    ['3: a version and no session', { sessionId: undefined, version: '2025-06-18' }, true, true, 'refuse'],
    ['4: neither', { sessionId: undefined, version: undefined }, true, true, 'sse-2024'],
    ['4: neither, 2024 off', { sessionId: undefined, version: undefined }, true, false, 'refuse'],
    ['5: no stream asked', { sessionId: 'a', version: undefined }, false, true, 'liveness'],
  ])('%s', (_name, headers, wantsStream, legacySse, decision) => {
    expect(decideGet(headers, wantsStream, legacySse)).toBe(decision);
  });
});

test.each([
  [undefined, '2025-06-18', 'absent'],
  ['2025-06-18', '2025-06-18', 'same'],
  ['2025-03-26', '2025-06-18', 'other'],
  ['2025-03-26', undefined, 'other'],
  ['2024-10-07', '2025-06-18', 'unknown'],
  ['2025-06-18, 2025-06-18', '2025-06-18', 'unknown'],
])('the version header %s against %s is %s', (header, negotiated, verdict) => {
  expect(readVersionHeader(header, negotiated)).toBe(verdict);
});
