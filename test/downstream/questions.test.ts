import { describe, expect, test } from 'vitest';
import type { AskControl, QuestionAnswer } from '../../packages/breakwater/src/core/ports.ts';
import {
  BOTH,
  call,
  INITIALIZED,
  initializeMessage,
  type Json,
  open,
  openSession,
  post,
  postModern,
  request,
} from './client.ts';
import { EventReader, type SeenEvent } from './event-reader.ts';
import { Harness } from './harness.ts';
import type { HeldExchange } from './scripted-handler.ts';

const PARAMS = Buffer.from('{"message":"Sure?","requestedSchema":{"type":"object","properties":{}}}');

/** Asks the client of a held exchange; `answers` fills as answers come. */
function ask(held: HeldExchange): { readonly control: AskControl | undefined; readonly answers: QuestionAnswer[] } {
  const answers: QuestionAnswer[] = [];
  return { control: held.reply.ask('elicitation/create', PARAMS, (answer) => answers.push(answer)), answers };
}

async function startCall(
  harness: Harness,
  headers: Record<string, string>,
): Promise<{ held: HeldExchange; head: Promise<Response> }> {
  const posted = { 'content-type': 'application/json', accept: BOTH, ...headers };
  const head = open(harness, 'POST', posted, JSON.stringify(call('hold')));
  return { held: await harness.handler.next(), head };
}

function parse(event: SeenEvent | undefined): Json {
  return JSON.parse(event?.data ?? 'null') as Json;
}

describe('a question of the server', () => {
  test('goes on the stream of its request, and the first answer wins', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    const { held, head } = await startCall(harness, headers);
    const { answers } = ask(held);
    const reader = new EventReader(await head);
    const question = parse(await reader.message());
    expect(question).toMatchObject({ jsonrpc: '2.0', method: 'elicitation/create', params: { message: 'Sure?' } });
    for (const action of ['accept', 'decline']) {
      const answer = await post(harness, { jsonrpc: '2.0', id: question['id'], result: { action } }, headers);
      expect([answer.status, answer.text]).toEqual([202, '']);
    }
    expect(answers.map((answer) => ('result' in answer ? answer.result.toString() : answer.error))).toEqual([
      '{"action":"accept"}',
    ]);
    held.finish();
    expect((await reader.message())?.data).toContain('"result"');
  });

  test('may be answered with an error, sound or not', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    const { held, head } = await startCall(harness, headers);
    const first = ask(held);
    const second = ask(held);
    const reader = new EventReader(await head);
    const ids = [parse(await reader.message())['id'], parse(await reader.message())['id']];
    await post(harness, { jsonrpc: '2.0', id: ids[0], error: { code: -1, message: 'no' } }, headers);
    await post(harness, { jsonrpc: '2.0', id: ids[1], error: {} }, headers);
    expect(first.answers).toEqual([{ error: { code: -1, message: 'no' } }]);
    expect(second.answers).toMatchObject([{ error: { code: -32603 } }]);
    held.finish();
    await reader.rest();
  });

  // Attack: another session, or another principal with a stolen question id, answers in the user's place.
  test('cannot be answered from another session', async () => {
    await using harness = await Harness.start();
    const { held, head } = await startCall(harness, await openSession(harness, '2025-06-18'));
    const { answers } = ask(held);
    const reader = new EventReader(await head);
    const response = { jsonrpc: '2.0', id: parse(await reader.message())['id'], result: { action: 'accept' } };
    expect((await post(harness, response, await openSession(harness, '2025-06-18'))).status).toBe(202);
    expect((await post(harness, response)).status).toBe(202);
    expect(answers).toEqual([]);
    held.finish();
    await reader.rest();
  });

  test('that is withdrawn is cancelled at the client, and a late answer is dropped', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    const { held, head } = await startCall(harness, headers);
    const { control, answers } = ask(held);
    const reader = new EventReader(await head);
    const { id } = parse(await reader.message()) as unknown as { id: string };
    control?.withdraw('nobody waits');
    control?.withdraw('nobody waits');
    expect(parse(await reader.message())).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: id, reason: 'nobody waits' },
    });
    await post(harness, { jsonrpc: '2.0', id, result: { action: 'accept' } }, headers);
    expect(answers).toEqual([]);
    held.finish();
    expect((await reader.rest()).map((event) => event.data)).toEqual([expect.stringContaining('"result"')]);
  });

  test('whose request is over is not heard any more', async () => {
    await using harness = await Harness.start();
    const headers = await openSession(harness, '2025-06-18');
    const { held, head } = await startCall(harness, headers);
    const { answers } = ask(held);
    const reader = new EventReader(await head);
    const { id } = parse(await reader.message()) as unknown as { id: string };
    held.finish();
    await reader.rest();
    await post(harness, { jsonrpc: '2.0', id, result: {} }, headers);
    expect(answers).toEqual([]);
  });

  test('of a client that takes JSON alone goes on its GET stream, and nowhere without one', async () => {
    await using harness = await Harness.start();
    const headers = { ...(await openSession(harness, '2025-06-18')), accept: 'application/json' };
    const running = post(harness, call('hold'), headers);
    const held = await harness.handler.next();
    expect(ask(held).control).toBeUndefined();
    const stream = new EventReader(await open(harness, 'GET', { ...headers, accept: 'text/event-stream' }));
    const { control, answers } = ask(held);
    expect(control).toBeDefined();
    const question = parse(await stream.message());
    await post(harness, { jsonrpc: '2.0', id: question['id'], result: { action: 'accept' } }, headers);
    expect(answers).toHaveLength(1);
    held.finish();
    expect((await running).headers.get('content-type')).toBe('application/json');
    await stream.close();
  });

  test('has no way to a client without a session, nor to a modern one', async () => {
    await using harness = await Harness.start();
    const answers = [post(harness, call('hold')), postModern(harness, 'tools/call', { name: 'hold' })];
    for (const _answer of answers) {
      const held = await harness.handler.next();
      expect(ask(held).control).toBeUndefined();
      held.finish();
    }
    expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([200, 200]);
  });

  test('goes over the stream of the 2024 transport', async () => {
    await using harness = await Harness.start();
    const reader = new EventReader(await open(harness, 'GET', { accept: 'text/event-stream' }, undefined, '/sse'));
    const endpoint = (await reader.next())?.data ?? '';
    await post(harness, initializeMessage('2024-11-05'), {}, endpoint);
    await reader.message();
    await post(harness, INITIALIZED, {}, endpoint);
    await post(harness, call('hold'), {}, endpoint);
    const held = await harness.handler.next();
    const { answers } = ask(held);
    const question = parse(await reader.message());
    await post(harness, { jsonrpc: '2.0', id: question['id'], result: { roots: [] } }, {}, endpoint);
    await post(harness, request('ping', {}, 'after'), {}, endpoint);
    expect((await reader.message())?.data).toContain('"id":"after"');
    expect(answers).toHaveLength(1);
    await reader.close();
  });
});
