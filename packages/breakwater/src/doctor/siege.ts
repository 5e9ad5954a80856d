import { LATEST_LEGACY } from '../protocol/revision.ts';
import type { Answer } from './answer.ts';
import { initialize } from './messages.ts';
import type { Verdict } from './persona.ts';
import type { Send } from './send.ts';
import { lessonOf } from './teaching.ts';
import type { Wire } from './wire.ts';

/** Says afterwards whether the server still serves the next client as it did before. */
export async function watch(wire: Wire): Promise<() => Promise<void>> {
  const before = await greet(wire);
  return async () => {
    const after = await greet(wire);
    const same = after.status === before.status && (after.result !== undefined) === (before.result !== undefined);
    wire.need(after, same, `the next client is served as before (${before.describe()})`);
  };
}

// A session of its own, ended at once: the doctor leaves nothing behind.
async function greet(wire: Wire): Promise<Answer> {
  const answer = await wire.post(initialize(LATEST_LEGACY));
  if (answer.sessionId !== undefined) await wire.send({ method: 'DELETE', sid: answer.sessionId });
  return answer;
}

/** An attacker was refused: withstood, and `told` when the refusal also teaches, for the innocent who look the same. */
export function withstood(wire: Wire, answer: Answer, reason: string): Verdict {
  const lesson = lessonOf(answer, wire.target, {});
  const told = lesson === undefined ? '' : ` The refusal names ${lesson}.`;
  return { outcome: lesson === undefined ? 'in' : 'told', reason: `${reason}${told}`, decidedBy: answer.n };
}

/** Sends one `initialize` from where no client of this server comes from, and needs it to be refused. */
export async function knock(wire: Wire, send: Send, attack: string): Promise<Verdict> {
  const stillServes = await watch(wire);
  const answer = await wire.post(initialize(LATEST_LEGACY, { client: 'page' }), send);
  if (answer.sessionId !== undefined) await wire.send({ method: 'DELETE', sid: answer.sessionId });
  await stillServes();
  if (answer.status >= 400) return withstood(wire, answer, `${attack} got ${answer.status}.`);
  // Behind a public name a page gains nothing that curl would not get; on this machine it gains the user's own reach.
  wire.need(answer, !wire.target.isPrivate, `${attack} is refused`);
  wire.remark(
    false,
    `${attack} was served. That is a choice a public server can make, but not one to make unknowingly.`,
  );
  return wire.gotIn('A public server: nothing is reached here that is not reached without a browser.', answer);
}
