/** Paired latency: one request in flight, turn by turn over all endpoints, so that only differences remain of the noise. */
import type { FailedResult, PairCommand, PairedLatency, PairResult } from './load-commands.ts';
import type { LoadClient } from './loads/load.ts';
import { findLoad } from './loads/table.ts';
import { percentile } from './stats.ts';

interface Lane {
  readonly url: string;
  readonly client: LoadClient;
  readonly timesMs: number[];
}

/** Rotates over the endpoints until the window is over. Any wrong reply fails the whole test: a pair needs both halves. */
export async function measurePairs(command: PairCommand): Promise<PairResult | FailedResult> {
  const load = findLoad(command.load);
  const lanes = command.urls.map((url): Lane => ({ url, client: load.createClient(new URL(url)), timesMs: [] }));
  let current = '';
  try {
    for (const { url, client } of lanes) {
      current = url;
      await client.open();
    }
    const start = performance.now();
    const isWarm = (): boolean => performance.now() - start > command.warmupMs;
    while (performance.now() - start < command.warmupMs + command.windowMs) {
      const keep = isWarm();
      for (const lane of lanes) {
        current = lane.url;
        const sent = performance.now();
        await lane.client.step();
        if (keep) lane.timesMs.push(performance.now() - sent);
      }
      // Every other turn runs backwards, so that nobody always follows the same neighbour.
      lanes.reverse();
    }
  } catch (error) {
    return { kind: 'failed', reason: `${current}: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    await Promise.all(lanes.map(({ client }) => client.close()));
  }
  return summarise(command, lanes);
}

function summarise(command: PairCommand, lanes: readonly Lane[]): PairResult {
  const baseline = lanes.find(({ url }) => url === command.urls[0])?.timesMs ?? [];
  const latencies = command.urls.map((url): PairedLatency => {
    const times = lanes.find((lane) => lane.url === url)?.timesMs ?? [];
    const added = times.map((time, turn) => time - (baseline[turn] ?? Number.NaN));
    return {
      url,
      p50Ms: percentile(times, 0.5),
      p90Ms: percentile(times, 0.9),
      addedP50Ms: percentile(added, 0.5),
      addedP90Ms: percentile(added, 0.9),
    };
  });
  return { kind: 'pair', turns: baseline.length, latencies };
}
