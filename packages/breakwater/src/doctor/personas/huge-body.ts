import { LATEST_LEGACY } from '../../protocol/revision.ts';
import { initialize } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { watch, withstood } from '../siege.ts';

const BYTES = 12 * 1_048_576;

/** A body that is too large. */
export const hugeBody: Persona = {
  id: 'huge-body',
  title: 'A body of 12 MB',
  group: 'hostile',
  who: 'Posts an initialize with a client name of twelve megabytes.',
  evidence: 'RFC 9110 §15.5.14 (413); CWE-770',
  fix: 'Bound bodies to a few megabytes and answer 413.',
  script: async (wire) => {
    const stillServes = await watch(wire);
    const answer = await wire.post(initialize(LATEST_LEGACY, { client: 'x'.repeat(BYTES) }));
    if (answer.sessionId !== undefined) await wire.send({ method: 'DELETE', sid: answer.sessionId });
    await stillServes();
    wire.need(answer, answer.status < 500, 'a body of 12 MB is no internal error');
    wire.remark(!answer.ok, 'A body of 12 MB was accepted and kept: clientInfo is unbounded.');
    return withstood(
      wire,
      answer,
      answer.ok
        ? 'The body was taken and the next client served.'
        : `The body was refused: ${answer.status === 0 ? 'the connection was cut' : answer.status}.`,
    );
  },
};
