/** Calls of modern clients that a legacy server keeps open while its client gathers input (eras.md §2.5). */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findDescendants } from '../e2e/support/programs.ts';
import { META } from '../requirements/support/clients.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { at, textAt } from '../requirements/support/json.ts';
import type { WireAnswer } from '../requirements/support/wire.ts';
import { type DrivenAsker, FORM_REQUEST, startDriven } from './driven-asker.ts';
import { call, callStream, keysOf, lastOf, nameIs, stateOf } from './modern-caller.ts';

const EXPIRED =
  "The question this answer belongs to has expired (the server's call could not be kept open). Call the tool again from the start.";

interface Stage extends AsyncDisposable {
  readonly asker: DrivenAsker;
  readonly gateway: RunningGateway;
  readonly url: string;
}

async function setStage(answer = '10m'): Promise<Stage> {
  const asker = await startDriven('legacy');
  const gateway = await startGateway({
    upstreams: { it: { url: asker.url } },
    routes: [{ path: '/mcp' }],
    timeouts: { answer },
  });
  return {
    asker,
    gateway,
    url: gateway.url,
    [Symbol.asyncDispose]: async () => {
      await gateway.close();
      await asker[Symbol.asyncDispose]();
    },
  };
}

/** Calls, lets the server ask once under `id`, and says what the client got. */
async function park({ asker, url }: Stage, id: string, options: Parameters<typeof call>[1] = {}) {
  const answer = call(url, options);
  const running = await asker.nextCall();
  running.ask(id);
  const asked = await answer;
  return { running, asked, requestState: stateOf(asked) };
}

function textOf(answer: WireAnswer): string {
  return textAt(lastOf(answer), 'result', 'content', 0, 'text');
}

const FORM_ONLY = { [META.capabilities]: { elicitation: { form: {} } } };

describe('a parked call', () => {
  it('goes on where it stopped', async () => {
    await using stage = await setStage();
    const { running, asked, requestState } = await park(stage, 'q1');
    expect(lastOf(asked)).toMatchObject({
      result: { resultType: 'input_required', inputRequests: { in1: { method: 'elicitation/create' } } },
    });
    const retry = call(stage.url, { requestState, inputResponses: { in1: nameIs('Ann') } });
    expect((await stage.asker.answerTo('q1'))['result']).toEqual(nameIs('Ann'));
    running.finish('Hello Ann');
    expect(textOf(await retry)).toBe('Hello Ann');
    expect(stage.asker.calls()).toBe(1);
  });

  it('asks everything the server asks at once in one round', async () => {
    await using stage = await setStage();
    const answer = call(stage.url);
    const running = await stage.asker.nextCall();
    running.ask('q1');
    running.ask('q2', 'roots/list', undefined);
    const asked = await answer;
    expect(keysOf(asked)).toEqual(['in1', 'in2']);
    const inputResponses = { in1: nameIs('Ann'), in2: { roots: [{ uri: 'file:///ann' }] } };
    const retry = call(stage.url, { requestState: stateOf(asked), inputResponses });
    await Promise.all([stage.asker.answerTo('q1'), stage.asker.answerTo('q2')]);
    running.finish('both');
    expect(textOf(await retry)).toBe('both');
  });

  it('gives the same state the same answer, and the server is answered once', async () => {
    await using stage = await setStage();
    const { running, requestState } = await park(stage, 'q1');
    const first = call(stage.url, { requestState, inputResponses: { in1: nameIs('Ann') } });
    await stage.asker.answerTo('q1');
    // The client lost our answer and sends the same again, while the call still runs: it gets to read it, too.
    const second = call(stage.url, { requestState, inputResponses: { in1: nameIs('Not Ann') } });
    running.log('still at it');
    running.finish('Hello Ann');
    expect(textOf(await first)).toBe('Hello Ann');
    expect(textOf(await second)).toBe('Hello Ann');
    // And when it is over, it gets what was kept.
    const third = await call(stage.url, { requestState, inputResponses: { in1: nameIs('Not Ann either') } });
    expect(textOf(third)).toBe('Hello Ann');
    expect(stage.asker.calls()).toBe(1);
    const answers = stage.asker.upstream.seen.filter(({ message }) => message?.['id'] === 'q1');
    expect(answers.map(({ message }) => message?.['result'])).toEqual([nameIs('Ann')]);
  });

  it('asks again for what is missing, and ignores what it did not ask for', async () => {
    await using stage = await setStage();
    const answer = call(stage.url);
    const running = await stage.asker.nextCall();
    running.ask('q1');
    running.ask('q2');
    const asked = await answer;
    const some = { in2: nameIs('Bo'), in7: nameIs('Nobody'), __proto__: nameIs('Nobody') };
    const again = await call(stage.url, { requestState: stateOf(asked), inputResponses: some });
    expect(keysOf(again)).toEqual(['in1']);
    expect(stateOf(again)).not.toBe(stateOf(asked));
    const retry = call(stage.url, { requestState: stateOf(again), inputResponses: { in1: nameIs('Ann') } });
    expect((await stage.asker.answerTo('q1'))['result']).toEqual(nameIs('Ann'));
    expect((await stage.asker.answerTo('q2'))['result']).toEqual(nameIs('Bo'));
    running.finish('both');
    expect(textOf(await retry)).toBe('both');
  });

  it('asks a second time when the server does', async () => {
    await using stage = await setStage();
    const { running, requestState } = await park(stage, 'q1');
    const retry = call(stage.url, { requestState, inputResponses: { in1: nameIs('Ann') } });
    await stage.asker.answerTo('q1');
    running.ask('q2');
    const asked = await retry;
    expect(keysOf(asked)).toEqual(['in2']);
    const last = call(stage.url, { requestState: stateOf(asked), inputResponses: { in2: nameIs('Bo') } });
    await stage.asker.answerTo('q2');
    running.finish('Ann and Bo');
    expect(textOf(await last)).toBe('Ann and Bo');
    // A state of the first round, once the call is over, brings the outcome and answers nothing.
    const late = await call(stage.url, { requestState, inputResponses: { in1: nameIs('Late') } });
    expect(textOf(late)).toBe('Ann and Bo');
  });

  it('carries progress and logs to whoever reads it now', async () => {
    await using stage = await setStage();
    const first = callStream(stage.url, { meta: { progressToken: 'one', [META.logLevel]: 'info' } });
    const running = await stage.asker.nextCall();
    running.progress(1);
    const { reader } = await first;
    expect(await reader.message()).toMatchObject({ params: { progressToken: 'one', progress: 1 } });
    running.ask('q1');
    const requestState = textAt(await reader.message(), 'result', 'requestState');
    const retry = callStream(stage.url, {
      requestState,
      inputResponses: { in1: nameIs('Ann') },
      meta: { progressToken: 'two', [META.logLevel]: 'info' },
    });
    await stage.asker.answerTo('q1');
    running.progress(2);
    running.log('nearly');
    running.finish('done');
    const messages = await (await retry).reader.rest();
    expect(messages).toMatchObject([
      { method: 'notifications/progress', params: { progressToken: 'two', progress: 2 } },
      { method: 'notifications/message', params: { data: 'nearly' } },
      { result: { resultType: 'complete' } },
    ]);
  });

  it('waits on when the server withdraws its question', async () => {
    await using stage = await setStage();
    const { running, requestState } = await park(stage, 'q1');
    running.notify('notifications/cancelled', { requestId: 'q1' });
    running.log('never mind');
    const retry = call(stage.url, { requestState, inputResponses: { in1: nameIs('Ann') } });
    running.ask('q2');
    const asked = await retry;
    expect(keysOf(asked)).toEqual(['in2']);
    expect(stage.asker.upstream.seen.some(({ message }) => message?.['id'] === 'q1')).toBe(false);
    running.finish('without it');
    expect(textOf(await call(stage.url, { requestState: stateOf(asked), inputResponses: {} }))).toBe('without it');
  });

  it('is not taken for the one that asks on the stream of the session, while another waits', async () => {
    await using stage = await setStage();
    const first = await park(stage, 'q1', { arguments: { n: 1 } });
    const second = call(stage.url, { arguments: { n: 2 } });
    const running = await stage.asker.nextCall();
    // Nothing says whose question this is; who waits for an answer already is not likely to ask.
    await stage.asker.tellAside(running, { jsonrpc: '2.0', id: 'q2', ...FORM_REQUEST });
    const answer = { requestState: stateOf(await second), inputResponses: { in1: nameIs('Bo') } };
    const retry = call(stage.url, { arguments: { n: 2 }, ...answer });
    expect((await stage.asker.answerTo('q2'))['result']).toEqual(nameIs('Bo'));
    running.finish('Bo');
    expect(textOf(await retry)).toBe('Bo');
    const { requestState } = first;
    const other = call(stage.url, { arguments: { n: 1 }, requestState, inputResponses: { in1: nameIs('Ann') } });
    expect((await stage.asker.answerTo('q1'))['result']).toEqual(nameIs('Ann'));
    first.running.finish('Ann');
    expect(textOf(await other)).toBe('Ann');
  });

  it('keeps what the server answered while nobody was there', async () => {
    await using stage = await setStage();
    const { running, requestState } = await park(stage, 'q1');
    running.finish('I could not wait');
    await running.closed;
    const late = await call(stage.url, { requestState, inputResponses: { in1: nameIs('Ann') } });
    expect(textOf(late)).toBe('I could not wait');
  });

  it('is over when nobody answers in time, for the server and for whoever comes late', async () => {
    await using stage = await setStage('300ms');
    const { running, requestState } = await park(stage, 'q1');
    expect((await stage.asker.answerTo('q1'))['result']).toEqual({ action: 'cancel' });
    await stage.asker.cancelled(running);
    const late = await call(stage.url, { requestState, inputResponses: { in1: nameIs('Ann') } });
    expect(lastOf(late)).toMatchObject({ result: { isError: true, content: [{ text: EXPIRED }] } });
    expect(stage.asker.calls()).toBe(1);
  });

  it('is cancelled at the server when the client that reads it goes away', async () => {
    await using stage = await setStage();
    const stream = callStream(stage.url, { meta: { progressToken: 1 } });
    const running = await stage.asker.nextCall();
    running.progress(1);
    (await stream).close();
    await stage.asker.cancelled(running);

    const parked = await park(stage, 'q1');
    const retry = callStream(stage.url, {
      requestState: parked.requestState,
      inputResponses: { in1: nameIs('Ann') },
      meta: { progressToken: 2 },
    });
    await stage.asker.answerTo('q1');
    parked.running.progress(1);
    (await retry).close();
    await stage.asker.cancelled(parked.running);
  });

  it('fails for its client when the server dies', async () => {
    const stage = await setStage();
    const { requestState } = await park(stage, 'q1');
    await stage.asker[Symbol.asyncDispose]();
    const late = await call(stage.url, { requestState, inputResponses: { in1: nameIs('Ann') } });
    expect(at(lastOf(late), 'error', 'code')).toBe(-32603);
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

  it('is one of 32 at most for a principal', async () => {
    await using stage = await setStage();
    // Attack: one client parks calls without end, each of which holds a connection and memory.
    await Promise.all(Array.from({ length: 32 }, (_, n) => park(stage, `q${n}`)));
    const refused = call(stage.url);
    (await stage.asker.nextCall()).ask('one-more');
    expect(lastOf(await refused)).toMatchObject({
      result: { isError: true, content: [{ text: 'Too many open questions.' }] },
    });
    expect((await stage.asker.answerTo('one-more'))['result']).toEqual({ action: 'cancel' });
    // Nobody else pays for it.
    const { running, requestState } = await park(stage, 'of-bo', { principal: 'bo' });
    const retry = call(stage.url, { principal: 'bo', requestState, inputResponses: { in1: nameIs('Bo') } });
    await stage.asker.answerTo('of-bo');
    running.finish('Hello Bo');
    expect(textOf(await retry)).toBe('Hello Bo');
  });
});

describe('a state', () => {
  it('opens only for whom it was made, asking for the same', async () => {
    await using stage = await setStage();
    const { running, requestState } = await park(stage, 'q1', { arguments: { sum: 1, to: 'bo' } });
    const inputResponses = { in1: nameIs('Mallory') };
    const asked = { arguments: { sum: 1, to: 'bo' }, requestState, inputResponses };
    const attempts = {
      // Attack: a state stolen from somebody else's wire or log.
      stolen: call(stage.url, { ...asked, principal: 'mallory' }),
      // Attack: the user's consent to a harmless request is used for another one.
      'other arguments': call(stage.url, { ...asked, arguments: { sum: 1_000, to: 'mallory' } }),
      'no arguments': call(stage.url, { ...asked, arguments: {} }),
      'other tool': call(stage.url, { ...asked, name: 'another' }),
      // Attack: a state with a changed byte, one cut short, one made up.
      tampered: call(stage.url, { ...asked, requestState: flip(requestState) }),
      cut: call(stage.url, { ...asked, requestState: requestState.slice(0, -4) }),
      forged: call(stage.url, { ...asked, requestState: 'g1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }),
      'not ours': call(stage.url, { ...asked, requestState: 'v1.eyJwIjoxfQ.x' }),
    };
    for (const [attempt, answer] of Object.entries(attempts)) {
      const { status, text } = await answer;
      expect([attempt, status, at(JSON.parse(text), 'error', 'code')]).toEqual([attempt, 400, -32602]);
    }
    // The order of members is not the client's to keep: it may serialise anew.
    const retry = call(stage.url, {
      ...asked,
      arguments: { to: 'bo', sum: 1 },
      inputResponses: { in1: nameIs('Ann') },
    });
    expect((await stage.asker.answerTo('q1'))['result']).toEqual(nameIs('Ann'));
    running.finish('Hello Ann');
    expect(textOf(await retry)).toBe('Hello Ann');
    expect(stage.asker.calls()).toBe(1);
  });

  it('says nothing of what is inside', async () => {
    await using stage = await setStage();
    const { requestState } = await park(stage, 'q1', { principal: 'ann@example.com' });
    const bytes = Buffer.from(requestState.slice(3), 'base64url').toString('latin1');
    expect(bytes).not.toContain('ann');
    expect(requestState).not.toContain('ann');
  });
});

describe('a page to open first', () => {
  const page = { mode: 'url', message: 'Sign in.', url: 'https://harbour.example/sign-in' };

  it('is asked for, and the call is sent again once the user agreed', async () => {
    await using stage = await setStage();
    const answer = call(stage.url);
    (await stage.asker.nextCall()).fail(-32042, 'Sign in first', { elicitations: [page] });
    const asked = await answer;
    expect(lastOf(asked)).toMatchObject({
      result: { resultType: 'input_required', inputRequests: { in1: { method: 'elicitation/create', params: page } } },
    });
    const retry = call(stage.url, { requestState: stateOf(asked), inputResponses: { in1: { action: 'accept' } } });
    (await stage.asker.nextCall()).finish('signed in');
    expect(textOf(await retry)).toBe('signed in');
    expect(stage.asker.calls()).toBe(2);
  });

  it('is waited for when the server says that it will tell', async () => {
    await using stage = await setStage();
    const answer = call(stage.url);
    const elicitations = [{ ...page, elicitationId: 'e1' }];
    const first = await stage.asker.nextCall();
    first.fail(-32042, 'Sign in first', { elicitations });
    const asked = await answer;
    expect(JSON.stringify(lastOf(asked))).not.toContain('elicitationId');
    const retry = call(stage.url, { requestState: stateOf(asked), inputResponses: { in1: { action: 'accept' } } });
    await stage.asker.tellAside(first, {
      jsonrpc: '2.0',
      method: 'notifications/elicitation/complete',
      params: { elicitationId: 'e1' },
    });
    (await stage.asker.nextCall()).finish('signed in');
    expect(textOf(await retry)).toBe('signed in');
  });

  it('ends the call when the user does not want to', async () => {
    await using stage = await setStage();
    const answer = call(stage.url);
    (await stage.asker.nextCall()).fail(-32042, 'Sign in first', { elicitations: [page] });
    const asked = await answer;
    const inputResponses = { in1: { action: 'decline' } };
    const refused = await call(stage.url, { requestState: stateOf(asked), inputResponses });
    expect(lastOf(refused)).toMatchObject({ result: { isError: true } });
    expect(stage.asker.calls()).toBe(1);
  });

  it('is named in words to a client that cannot be asked for it', async () => {
    await using stage = await setStage();
    const answer = call(stage.url, { meta: FORM_ONLY });
    (await stage.asker.nextCall()).fail(-32042, 'Sign in first', { elicitations: [page] });
    expect(textOf(await answer)).toBe(`Open ${page.url} in a browser, then call again.`);
  });
});

describe('over one pipe', () => {
  const config = { command: process.execPath, args: [join(import.meta.dirname, 'askers/v1-stdio.ts')] };
  const start = (more: object = {}): Promise<RunningGateway> =>
    startGateway({ upstreams: { it: { ...config, ...more } }, routes: [{ path: '/mcp' }] });
  const ask = (url: string, key: string, more: object = {}): Promise<WireAnswer> =>
    call(url, { name: 'form', arguments: { key }, ...more });

  it('the answers of one user do not get to another call', async () => {
    await using gateway = await start();
    const states: string[] = [];
    for (const key of ['a', 'b', 'c']) states.push(stateOf(await ask(gateway.url, key)));
    const retries = ['a', 'b', 'c'].map((key, index) => {
      return ask(gateway.url, key, { requestState: states[index], inputResponses: { in1: nameIs(key) } });
    });
    const texts = (await Promise.all(retries.reverse())).map(textOf);
    expect(texts).toEqual(['accept c', 'accept b', 'accept a']);
    const seen = await call(gateway.url, { name: 'seen', arguments: { key: 'b', until: '' } });
    expect(JSON.parse(textOf(seen))).toEqual(['asked', 'got accept b']);
  });

  it('calls at the same moment do not cross when the operator says one at a time', async () => {
    await using gateway = await start({ interactiveConcurrency: 1 });
    const talk = async (key: string): Promise<string> => {
      const asked = await ask(gateway.url, key);
      const inputResponses = { in1: nameIs(key) };
      return textOf(await ask(gateway.url, key, { requestState: stateOf(asked), inputResponses }));
    };
    expect(await Promise.all(['a', 'b', 'c', 'd'].map(talk))).toEqual(['accept a', 'accept b', 'accept c', 'accept d']);
  });

  it('two users never see the questions of each other', async () => {
    await using gateway = await start();
    // Attack: a server in one process asks without saying for whom; a shared process would let one user answer for the other.
    const users = ['ann', 'bo', 'cy'];
    const asked = await Promise.all(users.map((principal) => ask(gateway.url, 'same key', { principal })));
    const retries = users.map((principal, index) => {
      const answer = asked[index];
      const requestState = answer === undefined ? '' : stateOf(answer);
      return ask(gateway.url, 'same key', { principal, requestState, inputResponses: { in1: nameIs(principal) } });
    });
    expect((await Promise.all(retries)).map(textOf)).toEqual(['accept ann', 'accept bo', 'accept cy']);
    const seen = await call(gateway.url, { principal: 'bo', name: 'seen', arguments: { key: 'same key', until: '' } });
    expect(JSON.parse(textOf(seen))).toEqual(['asked', 'got accept bo']);
  });

  it('a dead server is told of, and the next call gets a new one', async () => {
    const before = findDescendants();
    const gateway = await start();
    const requestState = stateOf(await ask(gateway.url, 'a'));
    const children = findDescendants().filter((process) => !before.includes(process));
    for (const child of children) process.kill(Number.parseInt(child, 10), 'SIGKILL');
    await expect.poll(() => gateway.breakwater.counters().open.handle).toBe(0);
    const late = await ask(gateway.url, 'a', { requestState, inputResponses: { in1: nameIs('Ann') } });
    expect(at(lastOf(late), 'error', 'code')).toBe(-32603);
    expect(keysOf(await ask(gateway.url, 'b'))).toEqual(['in1']);
    await gateway.close();
    expect(findDescendants()).toEqual(before);
  });

  it('nothing is left of parked calls when the gateway closes', async () => {
    const before = findDescendants();
    const gateway = await start();
    const users = ['ann', 'bo'];
    const asked = await Promise.all(users.map((principal) => ask(gateway.url, 'a', { principal })));
    expect(asked.map(keysOf)).toEqual([['in1'], ['in1']]);
    expect(findDescendants()).not.toEqual(before);
    await gateway.close();
    expect(gateway.breakwater.counters().open).toEqual({
      session: 0,
      stream: 0,
      subscription: 0,
      handle: 0,
      park: 0,
      call: 0,
    });
    expect(findDescendants()).toEqual(before);
  });
});

function flip(state: string): string {
  const last = state.at(-6) === 'A' ? 'B' : 'A';
  return state.slice(0, -6) + last + state.slice(-5);
}
