/** What the sessions of the field cost a server, with the gateway before it and without. */
import { describe, expect, it } from 'vitest';
import { type CountingUpstream, startCountingUpstream } from '../fixtures/counting-upstream.ts';
import { startGateway } from '../requirements/support/gateway.ts';
import { CLIENT_ERAS } from './support/ask.ts';
import { runFieldMix } from './support/field-mix.ts';
import { startKeepingRelay } from './support/keeping-relay.ts';

const SESSIONS = 1_000;
const MOST = 0.05;
const KEPT_MS = 300_000;
const LIMIT_MS = 120_000;
const LISTS = ['tools/list', 'prompts/list', 'resources/list'] as const;

/** Requests of any kind; `rejected` counts answers. */
function total({ counts }: CountingUpstream): number {
  const { rejected: _answers, ...requests } = counts();
  return Object.values(requests).reduce((sum, count) => sum + count, 0);
}

function report(what: string, cost: number, direct: number): number {
  const ratio = cost / direct;
  process.stdout.write(`field mix, ${what}: ${cost} of ${direct} requests, ${(ratio * 100).toFixed(2)} %\n`);
  return ratio;
}

const UPSTREAM_ERAS = ['legacy', 'modern'] as const;
const CALLERS = [
  { who: 'one person', principal: { key: 'me', personal: true } },
  { who: 'strangers', principal: { key: 'anonymous', personal: false } },
];

describe.each(CLIENT_ERAS)('1,000 sessions of %s clients', (client) => {
  describe.each(UPSTREAM_ERAS)('to a %s server', (era) => {
    it.each(CALLERS)(
      'cost at most 5 % of the requests: $who',
      async ({ who, principal }) => {
        await using upstream = await startCountingUpstream({ era: 'dual' });
        const made = await runFieldMix(upstream.url, client, SESSIONS);
        const direct = total(upstream);
        expect(direct).toBe(made);

        upstream.reset();
        await using relay = await startKeepingRelay(upstream.url, KEPT_MS);
        // The fixture's modern lists say ttlMs 0. What that costs is the next test.
        const url = era === 'modern' ? relay.url : upstream.url;
        const gateway = await startGateway({ upstreams: { it: { url, era } } }, { principalOf: () => principal });
        expect(await runFieldMix(gateway.url, client, SESSIONS)).toBe(made);
        // What closing costs counts too.
        await gateway.close();
        expect(report(`${client} to ${era}, ${who}`, total(upstream), direct)).toBeLessThanOrEqual(MOST);
        const counts = upstream.counts();
        // Before it calls a tool of a modern server, the gateway reads which arguments go into headers.
        expect(LISTS.map((method) => counts[method])).toEqual([era === 'modern' ? 2 : 1, 1, 1]);
        expect(counts['tools/call']).toBe(30);
        expect(counts['rejected']).toBeUndefined();
      },
      LIMIT_MS,
    );
  });

  // 2026-07-28 server/utilities/caching: 0 means stale at once. Only what is asked at the same time is asked once.
  it(
    'to a server that forbids to keep its lists cost never more than the clients ask',
    async () => {
      await using upstream = await startCountingUpstream({ era: 'dual' });
      await runFieldMix(upstream.url, client, SESSIONS);
      const direct = total(upstream);
      const asked = upstream.counts();
      upstream.reset();
      await using gateway = await startGateway({ upstreams: { it: { url: upstream.url, era: 'modern' } } });
      await runFieldMix(gateway.url, client, SESSIONS);
      expect(report(`${client} to modern with ttlMs 0`, total(upstream), direct)).toBeLessThan(1);
      const counts = upstream.counts();
      for (const method of ['prompts/list', 'resources/list'] as const) {
        expect(counts[method]).toBeLessThanOrEqual(asked[method] ?? 0);
      }
      expect(counts['server/discover']).toBe(1);
      expect(counts['tools/call']).toBe(30);
    },
    LIMIT_MS,
  );
});
