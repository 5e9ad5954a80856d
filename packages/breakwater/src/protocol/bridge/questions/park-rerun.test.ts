import { describe, expect, it } from 'vitest';
import { type RawObject, scanObject } from '../../../jsonrpc/raw.ts';
import { profileOf } from '../../capabilities.ts';
import { stepPark } from './park.ts';
import { givenAnswers } from './park-rerun.ts';
import { startPark } from './park-state.ts';

const FORM = '{"message":"m","requestedSchema":{"type":"object","properties":{}}}';

function scan(text: string): RawObject {
  const object = scanObject(Buffer.from(text));
  if (object === undefined) throw new TypeError(text);
  return object;
}

function rerun(responses: string) {
  const given = givenAnswers(
    scan(`{"in1":{"method":"elicitation/create","params":${FORM}},"in2":{"method":"roots/list"}}`),
    scan(responses),
  );
  const profile = profileOf({ elicitation: { form: {} } });
  return startPark({ method: 'tools/call', client: { profile }, server: { revision: '2025-11-25' }, given });
}

function ask(id: string, params: string) {
  return { type: 'question', id, method: 'elicitation/create', params: scan(params) } as const;
}

describe('a call that is run again', () => {
  it('answers the question it was asked before, once', () => {
    const first = stepPark(rerun('{"in1":{"action":"accept"},"in2":{"action":"accept"}}'), ask('q1', FORM));
    expect(first.effects).toEqual([
      { type: 'answer', id: 'q1', answer: { result: Buffer.from('{"action":"accept"}') } },
    ]);
    expect(stepPark(first.state, ask('q2', FORM)).effects).toEqual([{ type: 'open-window' }]);
  });

  // Attack: a server that changes its question and takes the old consent for the new one.
  it('puts any other question to the user, and forgets what was given', () => {
    const other = stepPark(rerun('{"in1":{"action":"accept"}}'), ask('q1', FORM.replace('"m"', '"pay"')));
    expect(other.effects).toEqual([{ type: 'open-window' }]);
    expect(stepPark(other.state, ask('q2', FORM)).effects).toEqual([]);
  });
});
