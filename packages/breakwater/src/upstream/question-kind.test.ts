import { expect, it } from 'vitest';
import type { UpstreamCall } from '../core/ports.ts';
import { scanObject } from '../jsonrpc/raw.ts';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import { isAboutTaskOf, neededCapability, refuseQuestion } from './question-kind.ts';

const about = (id: unknown) =>
  scanObject(Buffer.from(JSON.stringify({ _meta: { 'io.modelcontextprotocol/related-task': { taskId: id } } })));

function callOf(method: string, taskId: string): UpstreamCall {
  const client = { revision: '2025-11-25', info: undefined, capabilities: {}, profile: NO_QUESTIONS } as const;
  const params = scanObject(Buffer.from(JSON.stringify({ taskId })));
  return { method, params, client, progress: false, logLevel: undefined };
}

it('a question belongs to the request that waits for the task it names', () => {
  expect(isAboutTaskOf(about('a'), callOf('tasks/result', 'a'))).toBe(true);
  expect(isAboutTaskOf(about('a'), callOf('tasks/result', 'b'))).toBe(false);
  expect(isAboutTaskOf(about('a'), callOf('tasks/get', 'a'))).toBe(false);
  expect(isAboutTaskOf(about(7), callOf('tasks/result', '7'))).toBe(false);
  expect(isAboutTaskOf(undefined, callOf('tasks/result', 'a'))).toBe(false);
});

it('each question needs its capability, and what is no question has none', () => {
  const url = scanObject(Buffer.from('{"mode":"url"}'));
  expect(neededCapability('elicitation/create', undefined)).toBe('elicitForm');
  expect(neededCapability('elicitation/create', url)).toBe('elicitUrl');
  expect(neededCapability('sampling/createMessage', url)).toBe('sampling');
  expect(neededCapability('roots/list', undefined)).toBe('roots');
  expect(neededCapability('tools/call', undefined)).toBeUndefined();
});

it('what nobody takes is refused in the word that the server knows for it', () => {
  expect(refuseQuestion('elicitation/create', false)).toEqual({ result: Buffer.from('{"action":"cancel"}') });
  expect(refuseQuestion('elicitation/create', true)).toMatchObject({ error: { code: -32_601 } });
  expect(refuseQuestion('roots/list', false)).toMatchObject({ error: { code: -32_601 } });
});
