import { LATEST_LEGACY } from '../../protocol/revision.ts';
import { initialize } from '../messages.ts';
import type { Persona } from '../persona.ts';
import { watch, withstood } from '../siege.ts';

const BYTES = 200_000;

/** A head that is too large. */
export const headerBomb: Persona = {
  id: 'header-bomb',
  title: 'A header of 200 kB',
  group: 'hostile',
  who: 'Sends one header of two hundred thousand bytes. The innocent form of it is a cookie jar that grew.',
  evidence: 'RFC 6585 §5 (431); RFC 9110 §5.4',
  fix: 'Refuse heads beyond 16 to 64 kB with 431.',
  script: async (wire) => {
    const stillServes = await watch(wire);
    const headers = [['X-Cookie-Jar', 'c'.repeat(BYTES)]] as const;
    const answer = await wire.post(initialize(LATEST_LEGACY), { headers });
    await stillServes();
    wire.need(answer, !answer.ok, 'a head of 200 kB is refused');
    return withstood(
      wire,
      answer,
      `The head was refused: ${answer.status === 0 ? 'the connection was cut' : answer.status}.`,
    );
  },
};
