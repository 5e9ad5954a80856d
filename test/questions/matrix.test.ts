/** Every kind of question between every client and every server, whatever becomes of it: docs/questions.md says what to expect. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { KINDS } from './askers/words.ts';
import { CLIENTS } from './clients.ts';
import { cellName, checkPage } from './page.ts';
import { ANSWERS, type AnswerKind, type Play, type Played, type Player, withoutPrefix } from './play.ts';
import { expectedOf } from './rules.ts';
import { type ReadyAsker, UPSTREAMS, type UpstreamKind } from './upstreams.ts';

/** How long a client of the hasty gateway may take to answer. */
const HASTY_MS = 500;
/** How long a legacy server waits where it is the server who gives up. */
const PATIENCE_MS = 400;

/** The cells that went as they should. */
const shown = new Set<string>();

describe.each(UPSTREAMS)('$name', (upstream) => {
  let asker: ReadyAsker;
  let patient: RunningGateway;
  let hasty: RunningGateway;

  beforeAll(async () => {
    asker = await upstream.start();
    const config = { upstreams: { it: asker.config }, routes: [{ path: '/mcp' }] };
    patient = await startGateway(config);
    hasty = await startGateway({ ...config, timeouts: { answer: HASTY_MS } });
  });

  afterAll(async () => {
    await Promise.all([patient?.close(), hasty?.close()]);
    await asker?.close();
  });

  test.concurrent.each(CLIENTS)('$name', { timeout: 120_000 }, async (client) => {
    // Each client is a person of its own, so that the waits of one cost the others nothing.
    const principal = `user of ${client.revision}`;
    const players = {
      patient: await client.connect(patient.url, principal),
      hasty: await client.connect(hasty.url, principal),
    };
    const deviations: string[] = [];
    for (const kind of KINDS) {
      for (const answer of ANSWERS) {
        const cell = `${kind}, ${answer}`;
        const play = playOf(upstream, client.revision, { kind, answer, key: `${client.revision} ${cell}` });
        const player = answer === 'never' || answer === 'expired' ? players.hasty : players.patient;
        const { verdict, note, ...expected } = expectedOf(client.revision, upstream, kind, answer);
        const seen = await observe(player, play, expected.server.length);
        if (isEqual(seen, expected)) shown.add(cellName(client.revision, upstream.name, kind, answer));
        else deviations.push(describeDeviation(cell, expected, seen));
      }
    }
    await Promise.all([players.patient.close(), players.hasty.close()]);
    expect(deviations.join('\n')).toBe('');
  });

  test('leaves nothing open', async () => {
    await Promise.all([patient.close(), hasty.close()]);
    const nothing = { session: 0, stream: 0, subscription: 0, handle: 0, park: 0, call: 0 };
    expect(patient.breakwater.counters().open).toEqual(nothing);
    expect(hasty.breakwater.counters().open).toEqual(nothing);
  });
});

test('docs/questions.md says the same', async () => {
  expect(shown.size).toBe(CLIENTS.length * UPSTREAMS.length * KINDS.length * ANSWERS.length);
  await checkPage(CLIENTS, UPSTREAMS, shown);
});

interface Observed extends Played {
  readonly server: readonly string[];
}

async function observe(player: Player, play: Play, noted: number): Promise<Observed> {
  const played = await player.play(play);
  // A server that is to be told something hears it when the call is over for the client, or a little later.
  const notes = await player.seen(play.key, noted > 1 ? 'got,failed' : '');
  return { ...played, server: notes.filter((note) => note !== 'cancelled').map(withoutPrefix) };
}

function playOf({ era }: UpstreamKind, revision: string, play: Play): Play {
  if (play.answer !== 'never' && play.answer !== 'expired') return play;
  const isModern = revision === '2026-07-28';
  if (era === 'legacy') return isModern ? play : { ...play, patienceMs: PATIENCE_MS };
  return isModern && isExpired(play.answer) ? { ...play, lapsed: true } : play;
}

function isExpired(answer: AnswerKind): boolean {
  return answer === 'expired';
}

function isEqual(seen: Observed, expected: Observed): boolean {
  return (
    seen.call === expected.call &&
    seen.asked === expected.asked &&
    seen.attack === expected.attack &&
    seen.server.join('\n') === expected.server.join('\n')
  );
}

function describeDeviation(cell: string, expected: Observed, seen: Observed): string {
  return `${cell}:\n  expected ${JSON.stringify(expected)}\n  seen     ${JSON.stringify(seen)}`;
}
