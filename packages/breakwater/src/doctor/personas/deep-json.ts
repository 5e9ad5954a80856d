import type { Persona } from '../persona.ts';
import { watch, withstood } from '../siege.ts';

const DEPTH = 100_000;

/** Nested beyond reason. */
export const deepJson: Persona = {
  id: 'deep-json',
  title: 'JSON nested 100 000 deep',
  group: 'hostile',
  who: 'Posts a request whose params are a hundred thousand arrays in each other, to overflow a recursive reader.',
  evidence: 'CWE-674; RFC 8259 §9',
  fix: 'Bound the depth of JSON, or read it without recursion.',
  script: async (wire) => {
    const stillServes = await watch(wire);
    const nested = '['.repeat(DEPTH) + ']'.repeat(DEPTH);
    const answer = await wire.post(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"deep":${nested}}}`);
    await stillServes();
    wire.need(answer, answer.status > 0 && answer.status < 500, 'deep JSON is answered, and is no internal error');
    return withstood(
      wire,
      answer,
      answer.ok
        ? 'The message was taken and the next client served.'
        : `The message was refused with ${answer.status}.`,
    );
  },
};
