import { end, list, listedTools, open, shakeHands } from '../flows.ts';
import { listTools } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { shakeHandsOverSse } from '../sse-2024.ts';
import { lessonOf } from '../teaching.ts';
import { Refused } from '../wire.ts';

/** C07: a session only to end it, a real one, then the other transport. */
export const preflightSwitch: Persona = {
  id: 'preflight-switch',
  title: 'python-httpx, preflight and switch',
  group: 'field-notes',
  who: 'Opens a session and deletes it at once, checks that it is dead, works in a second one, then tries the 2024 transport.',
  evidence: 'field notes C07, access log; AIP-1 §7.3.2, §7.3.5',
  fix: 'Answer a dead session with 404 so that the client opens a new one, and never ban for it.',
  agent: 'python-httpx/0.28.1',
  script: async (wire) => {
    const probe = await open(wire, '2025-06-18');
    await end(wire, probe.send);
    const dead = await wire.post(listTools(), probe.send);
    wire.remark(
      dead.status === 404 || dead.ok,
      `A dead session was answered ${dead.describe()}; official clients start over on 404 alone.`,
    );
    const { send, answer } = await shakeHands(wire, '2025-06-18');
    const isNew = answer.sessionId === undefined || answer.sessionId !== probe.answer.sessionId;
    wire.need(answer, isNew, 'the second session has an id of its own');
    const listed = await list(wire, send);
    await end(wire, send);
    await shakeHandsOverSse(wire, [wire.under('/sse')]).catch((error: unknown) => {
      if (!(error instanceof Refused)) throw error;
      const taught = lessonOf(error.answer, wire.target, {}) !== undefined;
      wire.remark(taught, `The 2024 transport was refused with ${error.answer.describe()}.`);
    });
    return wire.gotIn(listedTools(listed, 'In its second session, '), listed);
  },
};
