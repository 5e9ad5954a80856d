import { request } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { watch, withstood } from '../siege.ts';

const MESSAGES = 5_000;

/** A batch of thousands. */
export const batchBomb: Persona = {
  id: 'batch-bomb',
  title: 'A batch of 5000 messages',
  group: 'hostile',
  who: 'Posts one array of five thousand requests under the same id.',
  evidence: 'MCP 2025-06-18 changelog: batches removed; JSON-RPC 2.0 §6',
  fix: 'Refuse batches, or bound how many messages one may have.',
  script: async (wire) => {
    const stillServes = await watch(wire);
    const answer = await wire.post(Array.from({ length: MESSAGES }, () => request(1, 'tools/list')));
    await stillServes();
    wire.need(answer, answer.status < 500, 'a batch of 5000 is no internal error');
    wire.need(answer, !answer.ok, 'a batch of 5000 is refused');
    return withstood(
      wire,
      answer,
      `The batch was refused: ${answer.status === 0 ? 'the connection was cut' : answer.status}.`,
    );
  },
};
