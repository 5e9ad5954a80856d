import { expect } from 'vitest';
import { modernMessage } from '../../requirements/support/clients.ts';
import { at } from '../../requirements/support/json.ts';
import type { Headers } from '../../requirements/support/wire.ts';

/** What 100 sessions do, as gateways in the field see them. */
const PER_100_SESSIONS: Readonly<Record<string, number>> = {
  'tools/list': 118,
  'notifications/initialized': 98,
  'prompts/list': 69,
  'resources/list': 61,
  'tools/call': 3,
};
const IN_PARALLEL = 16;
const LEGACY_REVISION = '2025-11-25';
const POST_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

/** Which era the clients of the mix speak. */
export type ClientEra = 'legacy' | 'modern';

/**
 * Runs the field mix in so many sessions: `initialize`, what the mix says, DELETE. Modern clients have no sessions: they discover and then ask for the
 * same. Every answer is checked. Returns the number of HTTP requests made.
 */
export async function runFieldMix(url: string, era: ClientEra, sessions: number): Promise<number> {
  const runSession = era === 'legacy' ? runLegacySession : runModernSession;
  let next = 0;
  let requests = 0;
  const runClient = async (): Promise<void> => {
    for (let round = next++; round < sessions; round = next++) {
      const made = await runSession(url, round);
      requests += made;
    }
  };
  await Promise.all(Array.from({ length: IN_PARALLEL }, runClient));
  return requests;
}

async function runLegacySession(url: string, round: number): Promise<number> {
  const params = { protocolVersion: LEGACY_REVISION, capabilities: {}, clientInfo: { name: 'field', version: '1' } };
  const opened = await fetch(url, {
    method: 'POST',
    headers: POST_HEADERS,
    body: JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }),
  });
  expectResult('initialize', await opened.text(), opened.status);
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  const headers = { ...POST_HEADERS, ...session, 'mcp-protocol-version': LEGACY_REVISION };
  let requests = 2;
  for (const method of methodsOf(round)) {
    requests++;
    const isNotification = method.startsWith('notifications/');
    const id = isNotification ? {} : { id: requests };
    const body = JSON.stringify({ jsonrpc: '2.0', ...id, method, params: paramsOf(method) });
    const answer = await fetch(url, { method: 'POST', headers, body });
    const text = await answer.text();
    if (isNotification) expect(answer.status, text).toBe(202);
    else expectResult(method, text, answer.status);
  }
  const ended = await fetch(url, { method: 'DELETE', headers });
  expect(ended.status, await ended.text()).toBeLessThan(300);
  return requests;
}

async function runModernSession(url: string, round: number): Promise<number> {
  const methods = ['server/discover', ...methodsOf(round).filter((method) => !method.startsWith('notifications/'))];
  for (const method of methods) {
    const { body, headers } = modernMessage(method, paramsOf(method));
    const answer = await fetch(url, { method: 'POST', headers: { ...POST_HEADERS, ...toStrings(headers) }, body });
    expectResult(method, await answer.text(), answer.status);
  }
  return methods.length;
}

/** What the session of this round asks; exact over any 100 rounds in a row. */
function methodsOf(round: number): string[] {
  return Object.entries(PER_100_SESSIONS).flatMap(([method, per100]) => {
    const times = Math.floor(((round + 1) * per100) / 100) - Math.floor((round * per100) / 100);
    return Array.from({ length: times }, () => method);
  });
}

function paramsOf(method: string): Record<string, unknown> {
  return method === 'tools/call' ? { name: 'echo', arguments: { text: 'ahoy' } } : {};
}

function expectResult(method: string, text: string, status: number): void {
  expect(status, `${method}: ${text}`).toBe(200);
  const result = at(JSON.parse(text), 'result');
  if (method === 'tools/list') expect(at(result, 'tools')).toHaveLength(22);
  else if (method === 'prompts/list') expect(at(result, 'prompts')).toHaveLength(3);
  else if (method === 'resources/list') expect(at(result, 'resources')).toHaveLength(3);
  else if (method === 'tools/call') expect(at(result, 'content', 0, 'text')).toBe('ahoy');
  else expect(result, text).toBeTypeOf('object');
}

function toStrings(headers: Headers): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
