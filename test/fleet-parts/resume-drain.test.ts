/** Streams of calls whose connections break while their node leaves the fleet. */
import { expect, test } from 'vitest';
import type { DrivenAsker, DrivenCall } from '../questions/driven-asker.ts';
import { nameIs } from '../questions/modern-caller.ts';
import { type LegacySession, openSession } from '../requirements/support/clients.ts';
import type { RunningGateway } from '../requirements/support/gateway.ts';
import { at, textAt } from '../requirements/support/json.ts';
import { post, stream, type WireStream } from '../requirements/support/wire.ts';
import { startPair } from './driven-pair.ts';

const TEST_MS = 60_000;

/** Two nodes before one server, and a call whose stream broke after its first event. */
interface Stage extends AsyncDisposable {
  readonly asker: DrivenAsker;
  readonly running: DrivenCall;
  readonly owner: RunningGateway;
  readonly other: RunningGateway;
  readonly session: LegacySession;
  readonly lastEventId: string;
}

async function setStage(): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const { asker, owner, other } = await startPair(stack);
  const session = await openSession(owner.url, { capabilities: { elicitation: {} } });
  const called = session.stream('tools/call', { name: 'act', arguments: {} });
  const running = await asker.nextCall();
  running.log('working');
  const broken = await called;
  await broken.reader.message();
  const lastEventId = broken.reader.seen.at(-1)?.id ?? '';
  broken.close();
  const rest = stack.move();
  return { asker, running, owner, other, session, lastEventId, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

/** Asks the node that stays for what came after an event. */
function resume({ other, session }: Stage, lastEventId: string): Promise<WireStream> {
  return stream('GET', other.url, { ...session.headers, accept: 'text/event-stream', 'last-event-id': lastEventId });
}

// Attack: the node refused everything but POST. What its server asked from then on reached nobody, and the SDKs come back twice and then give up.
test('a client whose connection breaks gets the rest of its answer from the node that leaves, and what that asks', {
  timeout: TEST_MS,
}, async () => {
  await using stage = await setStage();
  const { asker, running, owner, other, session } = stage;
  const leaving = owner.close();
  const resumed = await resume(stage, stage.lastEventId);
  expect(resumed.status).toBe(200);
  running.ask('q1');
  const question = await resumed.reader.message();
  expect(at(question, 'method')).toBe('elicitation/create');
  const answer = { jsonrpc: '2.0', id: at(question, 'id'), result: nameIs('Ann') };
  expect((await post(other.url, answer, session.headers)).status).toBe(202);
  await asker.answerTo('q1');
  running.finish('asked Ann');
  expect(textAt(await resumed.reader.message(), 'result', 'content', 0, 'text')).toBe('asked Ann');
  await leaving;
});

// Attack: for the rest of a stream that it has not got any more, a node opens the session's own. One that leaves would keep the session, and itself.
test('a node that leaves opens no stream of a session for one that is no more', { timeout: TEST_MS }, async () => {
  await using stage = await setStage();
  const { running, owner, lastEventId } = stage;
  const leaving = owner.close();
  const refused = await resume(stage, lastEventId.replace(/.-(?=\d+$)/, '~-'));
  expect(refused.status).toBe(503);
  running.finish('done');
  await leaving;
});
