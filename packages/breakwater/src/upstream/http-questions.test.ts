import { expect, it } from 'vitest';
import { makeId } from '../jsonrpc/id.ts';
import type { RequestMessage } from '../jsonrpc/message.ts';
import { Questions } from './http-questions.ts';

const OWNER = {};

function request(id: number): RequestMessage {
  return { kind: 'request', id: makeId(id), method: 'roots/list', params: undefined };
}

// Attack: a server that asks faster than anybody answers.
it('more than 64 open questions are refused, and there is room again when one is answered', () => {
  const sent: string[] = [];
  const questions = new Questions((answer) => sent.push(answer.toString()));
  const open = Array.from({ length: 64 }, (_, i) => questions.add(request(i), '2025-11-25', OWNER));
  expect(open.every((question) => question !== undefined)).toBe(true);
  expect(questions.add(request(64), '2025-11-25', OWNER)).toBeUndefined();
  expect(JSON.parse(sent[0] ?? '')).toMatchObject({ id: 64, error: { message: 'Too many open questions' } });
  open[0]?.answer({ result: Buffer.from('{}') });
  expect(questions.add(request(65), '2025-11-25', OWNER)).toBeDefined();
  // A replayed stream brings the same question again: it is neither doubled nor refused.
  expect(questions.add(request(65), '2025-11-25', OWNER)).toBeUndefined();
  expect(sent).toHaveLength(2);
});
