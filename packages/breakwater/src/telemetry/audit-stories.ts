import type { Held } from './audit-held.ts';
import type { SessionStory } from './audit-session.ts';

/** What several logs know of one session, which had parts of its life on several nodes; undefined when none knows it. */
export function joinStories(stories: readonly SessionStory[]): SessionStory | undefined {
  const [first, ...more] = stories;
  if (first === undefined || more.length === 0) return first;
  const outcomes: Record<string, number> = {};
  for (const story of stories) {
    for (const [outcome, count] of Object.entries(story.outcomes)) outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
  }
  return {
    ref: first.ref,
    session: joinLives(stories.map(({ session }) => session).filter((session) => session !== undefined)),
    owned: stories.flatMap(({ owned }) => owned).sort((a, b) => compare(a.opened, b.opened)),
    usedHandles: stories.flatMap(({ usedHandles }) => usedHandles),
    exchanges: sum(stories.map(({ exchanges }) => exchanges)),
    unfinished: sum(stories.map(({ unfinished }) => unfinished)),
    outcomes,
    steps: stories.flatMap(({ steps }) => steps).sort((a, b) => compare(a.t, b.t)),
  };
}

/** From its first opening to its last end; one that a node still has is open. */
function joinLives(lives: readonly Held[]): Held | undefined {
  const [first] = lives.toSorted((a, b) => compare(a.opened, b.opened));
  const last =
    lives.find(({ closed }) => closed === undefined) ?? lives.toSorted((a, b) => compare(b.closed, a.closed))[0];
  return first && last && { ...first, closed: last.closed, reason: last.reason };
}

// Times are RFC 3339 in UTC with milliseconds: they sort as texts.
function compare(a = '', b = ''): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}
