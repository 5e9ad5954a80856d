import { LATEST_LEGACY } from '../../protocol/revision.ts';
import { initialize } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { postBytes } from '../post-bytes.ts';
import { watch } from '../siege.ts';

/** Two lengths, two sessions. */
export const duplicateHeaders: Persona = {
  id: 'duplicate-headers',
  title: 'Headers that contradict each other',
  group: 'hostile',
  who: 'A request with two different Content-Lengths, one with Content-Length and chunks, and one with two session ids: request smuggling.',
  evidence: 'RFC 9112 §6.3; CWE-444',
  fix: 'Refuse contradictory lengths with 400 and close the connection.',
  script: async (wire) => {
    const stillServes = await watch(wire);
    const body = JSON.stringify(initialize(LATEST_LEGACY));
    const lengths = await wire.raw({
      label: 'POST, two lengths',
      chunks: [postBytes(wire, body, [['Content-Length', '4']])],
    });
    wire.needRaw(lengths, !lengths.statuses.some((status) => status < 400), 'two Content-Lengths are refused');
    const chunked = postBytes(wire, `0\r\n\r\n${body}`, [['Transfer-Encoding', 'chunked']]);
    const both = await wire.raw({ label: 'POST, length and chunks', chunks: [chunked] });
    wire.needRaw(both, !both.statuses.some((status) => status < 400), 'Content-Length beside chunks is refused');
    const ids = await wire.raw({
      label: 'POST, two sessions',
      chunks: [
        postBytes(wire, '{"jsonrpc":"2.0","id":1,"method":"ping"}', [
          ['Mcp-Session-Id', 'one'],
          ['Mcp-Session-Id', 'two'],
        ]),
      ],
    });
    wire.remark(
      ids.statuses.every((status) => status < 500),
      'Two session ids were answered with an internal error.',
    );
    await stillServes();
    return wire.gotIn('Contradictory requests were refused.', lengths);
  },
};
