import { LATEST_LEGACY } from '../../protocol/revision.ts';
import { initialize } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { postBytes } from '../post-bytes.ts';
import { watch } from '../siege.ts';

/** Two requests in one packet, and half a goodbye. */
export const pipeliner: Persona = {
  id: 'pipeliner',
  title: 'Pipelining and half-closed connections',
  group: 'hostile',
  who: 'Writes two requests in one packet, and in another connection closes its sending half before it reads, as nc does.',
  evidence: 'RFC 9112 §9.3.2, §9.6; RFC 9293 §3.6',
  fix: 'Answer pipelined requests in order, and answer a client that has closed only its sending half.',
  script: async (wire) => {
    const stillServes = await watch(wire);
    const one = postBytes(wire, JSON.stringify(initialize(LATEST_LEGACY, { id: 'first' })));
    const two = postBytes(wire, JSON.stringify(initialize(LATEST_LEGACY, { id: 'second' })));
    const both = await wire.raw({ label: 'POST, POST in one packet', chunks: [one + two], answers: 2 });
    wire.needRaw(both, both.statuses.length >= 2, 'both pipelined requests are answered');
    wire.needRaw(both, isInOrder(both.text), 'pipelined requests are answered in order');
    const half = await wire.raw({ label: 'POST, then FIN', chunks: [one], halfClose: true });
    wire.needRaw(half, half.first !== undefined, 'a half-closed connection is answered');
    await stillServes();
    return wire.gotIn('Both requests were answered in order, and so was the half-closed one.', both);
  },
};

function isInOrder(text: string): boolean {
  const first = text.indexOf('"first"');
  const second = text.indexOf('"second"');
  return second < 0 || (first >= 0 && first < second);
}
