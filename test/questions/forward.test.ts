/** Questions of modern servers carried to legacy clients (eras.md §2.3), and those of legacy servers passed on to them. */
import { describe, expect, it } from 'vitest';
import { type LegacySession, openSession } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at, textAt } from '../requirements/support/json.ts';
import { post, stream } from '../requirements/support/wire.ts';
import { type DrivenAsker, type DrivenCall, FORM_REQUEST, startDriven } from './driven-asker.ts';
import { ASKABLE, nameIs } from './modern-caller.ts';

const PAGE = {
  method: 'elicitation/create',
  params: { mode: 'url', message: 'Sign in.', url: 'https://harbour.example/sign-in' },
};

interface Stage extends AsyncDisposable {
  readonly asker: DrivenAsker;
  readonly gateway: RunningGateway;
  open(principal?: string, capabilities?: object): Promise<LegacySession>;
}

async function setStage(era: 'legacy' | 'modern' = 'modern', answer = '10m'): Promise<Stage> {
  const asker = await startDriven(era);
  const gateway = await startGateway({
    upstreams: { it: { url: asker.url } },
    routes: [{ path: '/mcp' }],
    timeouts: { answer },
  });
  return {
    asker,
    gateway,
    open: (principal = 'ann', capabilities = ASKABLE) =>
      openSession(gateway.url, { capabilities, headers: { 'x-test-principal': principal } }),
    [Symbol.asyncDispose]: async () => {
      await gateway.close();
      await asker[Symbol.asyncDispose]();
    },
  };
}

const ACT = { name: 'act', arguments: {} };

/** Calls, and lets the server require what is given; resolves with the client's stream and its first question. */
async function askOnce(session: LegacySession, asker: DrivenAsker, requests: object, state?: string) {
  const call = session.stream('tools/call', ACT, 7);
  (await asker.nextCall()).require(requests, state);
  const client = await call;
  return { client, question: await client.reader.message() };
}

function respond(session: LegacySession, question: unknown, result: object) {
  return post(session.url, { jsonrpc: '2.0', id: at(question, 'id'), result }, session.headers);
}

/** What the server is sent for a question under `key`. */
function responseIn(call: DrivenCall, key: string): unknown {
  return at(call.params, 'inputResponses', key);
}

describe('a forwarded question', () => {
  it('is a request on the stream of its own call, and its answer a call sent again', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const state = 'é "quoted" \\u0041 \u2028';
    const { client, question } = await askOnce(session, stage.asker, { name: FORM_REQUEST }, state);
    expect(question).toMatchObject({ method: 'elicitation/create', params: { message: 'Name?' } });
    expect(await respond(session, question, nameIs('Ann'))).toMatchObject({ status: 202 });
    const again = await stage.asker.nextCall();
    expect(again.params).toMatchObject({ ...ACT, requestState: state, inputResponses: { name: nameIs('Ann') } });
    const [first] = stage.asker.upstream.calls('tools/call');
    expect(again.request.message?.['id']).not.toBe(first?.message?.['id']);
    again.finish('Hello Ann', { resultType: 'complete' });
    expect(await client.reader.message()).toEqual({
      jsonrpc: '2.0',
      id: 7,
      result: { content: [{ type: 'text', text: 'Hello Ann' }] },
    });
  });

  it('takes the first answer of its own client and no other', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const others = [await stage.open('mallory'), await stage.open('ann')];
    const { client, question } = await askOnce(session, stage.asker, { name: FORM_REQUEST });
    // Attack: another user, and another session of the same user, answer under the question's id.
    for (const other of others) {
      expect((await respond(other, question, nameIs('Mallory'))).status).toBe(202);
    }
    // Attack: another user writes into the session itself.
    const headers = { ...session.headers, 'x-test-principal': 'mallory' };
    const stolen = { jsonrpc: '2.0', id: at(question, 'id'), result: nameIs('Mallory') };
    expect((await post(session.url, stolen, headers)).status).toBe(404);
    await respond(session, question, nameIs('Ann'));
    await respond(session, question, nameIs('Twice'));
    const again = await stage.asker.nextCall();
    expect(responseIn(again, 'name')).toEqual(nameIs('Ann'));
    again.finish('Hello Ann', { resultType: 'complete' });
    expect(textAt(await client.reader.message(), 'result', 'content', 0, 'text')).toBe('Hello Ann');
    expect(stage.asker.calls()).toBe(2);
  });

  it('is one of several, answered in any order', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const requests = { name: FORM_REQUEST, where: { method: 'roots/list' } };
    const { client, question } = await askOnce(session, stage.asker, requests);
    const second = await client.reader.message();
    expect(at(second, 'method')).toBe('roots/list');
    await respond(session, second, { roots: [{ uri: 'file:///ann' }] });
    await respond(session, question, nameIs('Ann'));
    const again = await stage.asker.nextCall();
    expect(at(again.params, 'inputResponses')).toEqual({
      name: nameIs('Ann'),
      where: { roots: [{ uri: 'file:///ann' }] },
    });
    again.finish('both', { resultType: 'complete' });
    await client.reader.rest();
  });

  it('ends after twenty rounds', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    // Attack: a server keeps a user busy for ever.
    const { client, question: first } = await askOnce(session, stage.asker, { name: FORM_REQUEST });
    let question = first;
    for (let round = 1; round <= 20; round++) {
      await respond(session, question, nameIs(`Ann ${round}`));
      (await stage.asker.nextCall()).require({ name: FORM_REQUEST });
      question = await client.reader.message();
    }
    expect(question).toMatchObject({ id: 7, result: { isError: true } });
    expect(stage.asker.calls()).toBe(21);
  });

  it('is withdrawn when its client cancels the call', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const { client, question } = await askOnce(session, stage.asker, { name: FORM_REQUEST });
    await session.notify('notifications/cancelled', { requestId: 7 });
    const rest = await client.reader.rest();
    expect(rest).toContainEqual(
      expect.objectContaining({
        method: 'notifications/cancelled',
        params: expect.objectContaining({ requestId: at(question, 'id') }) as unknown,
      }),
    );
    await respond(session, question, nameIs('Late'));
    expect(stage.asker.calls()).toBe(1);
    await session.end();
    await stage.gateway.close();
    expect(stage.gateway.breakwater.counters().open).toEqual({
      session: 0,
      stream: 0,
      subscription: 0,
      handle: 0,
      park: 0,
      call: 0,
    });
  });

  it('ends with its session', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const { client, question } = await askOnce(session, stage.asker, { name: FORM_REQUEST });
    expect((await session.end()).status).toBeLessThan(300);
    await client.reader.rest();
    expect((await respond(session, question, nameIs('Late'))).status).toBe(404);
    expect(stage.asker.calls()).toBe(1);
    await expect.poll(() => stage.gateway.breakwater.counters().open).toMatchObject({ session: 0, stream: 0 });
  });

  it('fails when the server is gone by the time it is answered', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const { client, question } = await askOnce(session, stage.asker, { name: FORM_REQUEST });
    await stage.asker[Symbol.asyncDispose]();
    await respond(session, question, nameIs('Ann'));
    expect(await client.reader.message()).toMatchObject({ id: 7, error: { code: -32603 } });
  });

  it('keeps progress increasing although each round has its own', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const call = session.stream('tools/call', { ...ACT, _meta: { progressToken: 'p' } }, 7);
    const first = await stage.asker.nextCall();
    first.progress(1);
    first.progress(2);
    first.require({ name: FORM_REQUEST });
    const client = await call;
    const seen = [await client.reader.message(), await client.reader.message()];
    await respond(session, await client.reader.message(), nameIs('Ann'));
    const second = await stage.asker.nextCall();
    for (const value of [1, 2, 3]) second.progress(value);
    second.finish('done', { resultType: 'complete' });
    seen.push(...(await client.reader.rest()).slice(0, -1));
    expect(seen.map((message) => at(message, 'params', 'progress'))).toEqual([1, 2, 3]);
  });
});

describe('a client that reads no stream with its call', () => {
  const JSON_ONLY = { accept: 'application/json' };

  it('is told so', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const call = session.request('tools/call', ACT, 7, JSON_ONLY);
    (await stage.asker.nextCall()).require({ name: FORM_REQUEST });
    expect((await call).json()).toMatchObject({
      result: {
        isError: true,
        content: [{ text: 'This tool needs to ask you something, but the client did not allow a streaming response.' }],
      },
    });
  });

  it('is asked on the stream of its session', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const aside = await session.listen();
    const call = session.request('tools/call', ACT, 7, JSON_ONLY);
    (await stage.asker.nextCall()).require({ name: FORM_REQUEST });
    await respond(session, await aside.reader.message(), nameIs('Ann'));
    (await stage.asker.nextCall()).finish('Hello Ann', { resultType: 'complete' });
    expect(textAt((await call).json(), 'result', 'content', 0, 'text')).toBe('Hello Ann');
    aside.close();
  });

  it('is told of a page by the error that needs no stream', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const call = session.request('tools/call', ACT, 7, JSON_ONLY);
    (await stage.asker.nextCall()).require({ page: PAGE });
    expect((await call).json()).toMatchObject({
      error: { code: -32042, data: { elicitations: [{ mode: 'url', url: PAGE.params.url }] } },
    });
  });
});

describe('a page to open', () => {
  it('is asked for once; the server is asked again until the page is done, and the client told then', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const { client, question } = await askOnce(session, stage.asker, { page: PAGE }, 's1');
    expect(at(question, 'params', 'url')).toBe(PAGE.params.url);
    const elicitationId = textAt(question, 'params', 'elicitationId');
    await respond(session, question, { action: 'accept' });
    // Consent is not completion: the server still waits for the page, and nobody is asked a second time.
    const second = await stage.asker.nextCall();
    expect(responseIn(second, 'page')).toEqual({ action: 'accept' });
    second.require({ page: PAGE }, 's2');
    const third = await stage.asker.nextCall();
    expect(third.params).toMatchObject({ requestState: 's2', inputResponses: { page: { action: 'accept' } } });
    third.finish('signed in', { resultType: 'complete' });
    expect(await client.reader.rest()).toMatchObject([
      { method: 'notifications/elicitation/complete', params: { elicitationId } },
      { id: 7, result: { content: [{ text: 'signed in' }] } },
    ]);
  });

  it('is not waited for without end', async () => {
    await using stage = await setStage('modern', '1500ms');
    const session = await stage.open();
    const { client, question } = await askOnce(session, stage.asker, { page: PAGE });
    await respond(session, question, { action: 'accept' });
    // Attack: a server that never finishes its page keeps calls, timers and a client's stream for ever.
    let isOver = false;
    const ending = client.reader.message().finally(() => {
      isOver = true;
    });
    const serve = async (): Promise<void> => {
      while (!isOver) {
        const next = await Promise.race([stage.asker.nextCall(), ending.then(() => undefined)]);
        next?.require({ page: PAGE });
      }
    };
    await Promise.all([serve(), ending]);
    expect(await ending).toMatchObject({
      id: 7,
      result: { isError: true, content: [{ text: 'Timed out waiting for your input.' }] },
    });
  });

  it('can be declined', async () => {
    await using stage = await setStage();
    const session = await stage.open();
    const { client, question } = await askOnce(session, stage.asker, { page: PAGE });
    await respond(session, question, { action: 'decline' });
    const again = await stage.asker.nextCall();
    expect(responseIn(again, 'page')).toEqual({ action: 'decline' });
    again.finish('then not', { resultType: 'complete' });
    await client.reader.rest();
  });
});

describe('a question between two legacy ends', () => {
  it('is asked with the id of its own leg, and withdrawn when the server does', async () => {
    await using stage = await setStage('legacy');
    const session = await stage.open();
    const call = session.stream('tools/call', ACT, 7);
    const running = await stage.asker.nextCall();
    running.ask('q1');
    const client = await call;
    const question = await client.reader.message();
    expect(at(question, 'id')).not.toBe('q1');
    running.notify('notifications/cancelled', { requestId: 'q1' });
    expect(await client.reader.message()).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: at(question, 'id') },
    });
    await respond(session, question, nameIs('Late'));
    running.ask('q2');
    await respond(session, await client.reader.message(), nameIs('Ann'));
    expect((await stage.asker.answerTo('q2'))['result']).toEqual(nameIs('Ann'));
    expect(stage.asker.upstream.seen.some(({ message }) => message?.['id'] === 'q1')).toBe(false);
    running.finish('Hello Ann');
    await client.reader.rest();
  });

  it('that comes on the session’s own stream finds the call that waits', async () => {
    await using stage = await setStage('legacy');
    const session = await stage.open();
    const call = session.stream('tools/call', ACT, 7);
    const running = await stage.asker.nextCall();
    await stage.asker.tellAside(running, { jsonrpc: '2.0', id: 'q1', ...FORM_REQUEST });
    const client = await call;
    await respond(session, await client.reader.message(), nameIs('Ann'));
    expect((await stage.asker.answerTo('q1'))['result']).toEqual(nameIs('Ann'));
    running.finish('Hello Ann');
    expect(textAt(await client.reader.message(), 'result', 'content', 0, 'text')).toBe('Hello Ann');
  });

  it('is answered for the client when its session ends', async () => {
    await using stage = await setStage('legacy');
    const session = await stage.open();
    const call = session.stream('tools/call', ACT, 7);
    const running = await stage.asker.nextCall();
    running.ask('q1');
    await (await call).reader.message();
    await session.end();
    // A server that waits for an answer without end must not wait for one who is gone.
    expect(await stage.asker.answerTo('q1')).toHaveProperty('error');
    await stage.asker.cancelled(running);
  });

  it('has its page reported complete', async () => {
    await using stage = await setStage('legacy');
    const session = await stage.open();
    const call = session.stream('tools/call', ACT, 7);
    const running = await stage.asker.nextCall();
    running.ask('q1', PAGE.method, { ...PAGE.params, elicitationId: 'e1' });
    const client = await call;
    const question = await client.reader.message();
    expect(at(question, 'params', 'elicitationId')).toBe('e1');
    await respond(session, question, { action: 'accept' });
    await stage.asker.answerTo('q1');
    running.notify('notifications/elicitation/complete', { elicitationId: 'e1' });
    running.finish('signed in');
    expect(await client.reader.rest()).toMatchObject([
      { method: 'notifications/elicitation/complete', params: { elicitationId: 'e1' } },
      { id: 7 },
    ]);
  });
});

describe('an error that names a page', () => {
  const elicitations = [{ ...PAGE.params, elicitationId: 'e1' }];

  it('passes to a client of the same revision', async () => {
    await using stage = await setStage('legacy');
    const session = await stage.open();
    const call = session.request('tools/call', ACT, 7);
    (await stage.asker.nextCall()).fail(-32042, 'Sign in first', { elicitations });
    expect((await call).messages().at(-1)).toMatchObject({ error: { code: -32042, data: { elicitations } } });
  });

  it('is put into words for an older one', async () => {
    await using stage = await setStage('legacy');
    const headers = { 'x-test-principal': 'ann' };
    const capabilities = { elicitation: {} };
    const session = await openSession(stage.gateway.url, { revision: '2025-06-18', capabilities, headers });
    const call = session.request('tools/call', ACT, 7);
    (await stage.asker.nextCall()).fail(-32042, 'Sign in first', { elicitations });
    expect((await call).messages().at(-1)).toMatchObject({
      result: { isError: true, content: [{ text: `Open ${PAGE.params.url} in a browser, then call again.` }] },
    });
  });
});

it('a stream can be read to its end by nobody', async () => {
  await using stage = await setStage();
  const session = await stage.open();
  const call = stream('POST', session.url, session.headers, {
    jsonrpc: '2.0',
    id: 7,
    method: 'tools/call',
    params: ACT,
  });
  (await stage.asker.nextCall()).require({ name: FORM_REQUEST });
  const client = await call;
  const question = await client.reader.message();
  // 2025-11-25 transports: a disconnect is no cancellation; the answer comes on another connection, and the call goes on.
  client.close();
  await respond(session, question, nameIs('Ann'));
  const again = await stage.asker.nextCall();
  expect(responseIn(again, 'name')).toEqual(nameIs('Ann'));
  again.finish('Hello Ann', { resultType: 'complete' });
});
