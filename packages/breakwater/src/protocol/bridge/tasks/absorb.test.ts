import { describe, expect, it } from 'vitest';
import { type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import { type AbsorbEffect, type AbsorbEvent, startAbsorb, stepAbsorb } from './absorb.ts';

const TIMES = '"createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:01Z"';

function scan(text: string | Buffer): RawObject {
  const object = scanObject(Buffer.from(text));
  if (object === undefined) throw new TypeError(String(text));
  return object;
}

describe('an absorbed task', () => {
  const created = scan(
    `{"resultType":"task","taskId":"t","status":"working",${TIMES},"ttlMs":null,"pollIntervalMs":5}`,
  );

  function run(...events: readonly AbsorbEvent[]): readonly AbsorbEffect[][] {
    const started = startAbsorb(created);
    if (started === undefined) throw new TypeError('no task');
    let { state } = started;
    const effects = [[...started.effects]];
    for (const event of events) {
      const step = stepAbsorb(state, event);
      state = step.state;
      effects.push([...step.effects]);
    }
    return effects;
  }

  const task = (members: string): AbsorbEvent => ({ type: 'task', task: scan(`{"taskId":"t",${members}}`) });
  const due: AbsorbEvent = { type: 'poll-due' };
  const poll = { type: 'poll', params: Buffer.from('{"taskId":"t"}') };

  it('is polled at a bounded pace until it is over', () => {
    expect(
      run(
        due,
        task('"status":"working","pollIntervalMs":1e9'),
        due,
        task('"status":"completed","result":{"content":[]}'),
        due,
      ),
    ).toEqual([
      [{ type: 'wait', delayMs: 250 }],
      [poll],
      [{ type: 'wait', delayMs: 60_000 }],
      [poll],
      [{ type: 'finish', outcome: { kind: 'result', result: Buffer.from('{"content":[]}') } }],
      [],
    ]);
  });

  it('asks each question once, however often the server repeats it', () => {
    const asks = task('"status":"input_required","inputRequests":{"a":{},"b":{}}');
    const [, , first, update, , again] = run(
      due,
      asks,
      { type: 'inputs', inputResponses: Buffer.from('{"a":{}}') },
      due,
      asks,
    );
    expect(first?.[0]).toEqual({ type: 'input', inputRequests: Buffer.from('{"a":{},"b":{}}') });
    expect(update).toEqual([{ type: 'update', params: Buffer.from('{"taskId":"t","inputResponses":{"a":{}}}') }]);
    expect(again).toEqual([{ type: 'wait', delayMs: 1_000 }]);
  });

  it('takes a notification between two polls without polling twice', () => {
    expect(run(task('"status":"working"'))[1]).toEqual([]);
  });

  it.each([
    ['"status":"failed","error":{"code":1,"message":"m"}', '{"code":1,"message":"m"}'],
    ['"status":"cancelled"', '{"code":-32603,"message":"The task was cancelled."}'],
    ['"status":"completed"', '{"code":-32603,"message":"Upstream sent an invalid message."}'],
  ])('ends as an error: %s', (members, error) => {
    expect(run(due, task(members))[2]).toEqual([
      { type: 'finish', outcome: { kind: 'error', error: Buffer.from(error) } },
    ]);
  });

  it('is cancelled at the server when the client stops', () => {
    expect(run({ type: 'stopped' }, due)).toEqual([
      [{ type: 'wait', delayMs: 250 }],
      [{ type: 'cancel', params: Buffer.from('{"taskId":"t"}') }],
      [],
    ]);
    expect(startAbsorb(scan('{}'))).toBeUndefined();
    expect(run({ type: 'failed', error: Buffer.from('{}') })[1]).toMatchObject([{ type: 'finish' }]);
  });
});
