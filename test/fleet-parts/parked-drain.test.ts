/** Calls that wait for a modern client, on a node that leaves the fleet. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { DrivenAsker, DrivenCall } from '../questions/driven-asker.ts';
import { call, lastOf, nameIs, stateOf } from '../questions/modern-caller.ts';
import type { RunningGateway } from '../requirements/support/gateway.ts';
import { textAt } from '../requirements/support/json.ts';
import type { WireAnswer } from '../requirements/support/wire.ts';
import { startPair } from './driven-pair.ts';

const TEST_MS = 60_000;
/** Longer than a node lingers that has nothing to do any more. */
const LONG_MS = 3_500;
/** Longer than the time after which it looks again whether anybody is away. */
const AWAY_MS = 500;

/** Two nodes before one server, and a call whose question the client has from the first of them. */
interface Stage extends AsyncDisposable {
  readonly asker: DrivenAsker;
  readonly owner: RunningGateway;
  readonly running: DrivenCall;
  /** The client comes back by way of the other node, with its answer to one question. */
  comeBack(key: string, name: string, requestState?: string): Promise<WireAnswer>;
}

async function setStage(): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const { asker, owner, other } = await startPair(stack);
  const asked = call(owner.url);
  const running = await asker.nextCall();
  running.ask('q1');
  const requestState = stateOf(await asked);
  const comeBack: Stage['comeBack'] = (key, name, state = requestState) =>
    call(other.url, { requestState: state, inputResponses: { [key]: nameIs(name) } });
  const rest = stack.move();
  return { asker, owner, running, comeBack, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

function textOf(answer: WireAnswer): string {
  return textAt(lastOf(answer), 'result', 'content', 0, 'text');
}

// Attack: the node looked only for clients that are away. One that had come back was away no more, and its call was ended under its feet.
test('a client that came back to a node that leaves gets the answer of the tool, however long that works', {
  timeout: TEST_MS,
}, async () => {
  await using stage = await setStage();
  const leaving = stage.owner.close();
  const answer = stage.comeBack('in1', 'Ann');
  await stage.asker.answerTo('q1');
  await sleep(LONG_MS);
  stage.running.finish('asked Ann');
  expect(textOf(await answer)).toBe('asked Ann');
  await leaving;
});

test('a client that is sent away once more by a node that leaves is waited for once more', {
  timeout: TEST_MS,
}, async () => {
  await using stage = await setStage();
  const leaving = stage.owner.close();
  const asked = stage.comeBack('in1', 'Ann');
  await stage.asker.answerTo('q1');
  await sleep(LONG_MS);
  stage.running.ask('q2');
  const requestState = stateOf(await asked);
  await sleep(AWAY_MS);
  const answer = stage.comeBack('in2', 'Bob', requestState);
  await stage.asker.answerTo('q2');
  stage.running.finish('asked Ann and Bob');
  expect(textOf(await answer)).toBe('asked Ann and Bob');
  await leaving;
});

// A balancer may send what it has on a connection that it kept. The node owed nothing when it began to leave, and must not stay with that.
test('a call that still meets a node that leaves may ask, and is answered', { timeout: TEST_MS }, async () => {
  await using stage = await setStage();
  const { owner, asker, running } = stage;
  const answered = stage.comeBack('in1', 'Ann');
  await asker.answerTo('q1');
  running.finish('asked Ann');
  expect(textOf(await answered)).toBe('asked Ann');
  const leaving = owner.close();
  const asked = call(owner.url);
  const late = await asker.nextCall();
  await sleep(LONG_MS);
  late.ask('q2');
  const requestState = stateOf(await asked);
  await sleep(AWAY_MS);
  const answer = stage.comeBack('in1', 'Bob', requestState);
  await asker.answerTo('q2');
  late.finish('asked Bob');
  expect(textOf(await answer)).toBe('asked Bob');
  await leaving;
});

// Attack: told that its question has expired, and to call again, a client would have the tool do twice what it has done.
test('a tool that did not wait for its answer is told of by the node that leaves', { timeout: TEST_MS }, async () => {
  await using stage = await setStage();
  stage.running.finish('went on without Ann');
  const leaving = stage.owner.close();
  await sleep(LONG_MS);
  expect(textOf(await stage.comeBack('in1', 'Ann'))).toBe('went on without Ann');
  await leaving;
});
