/** Saturating measurement: all clients of a load at once, a warm-up, then one window. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FailedResult, MeasureCommand, MeasureResult } from './load-commands.ts';
import type { LoadClient } from './loads/load.ts';
import { findLoad } from './loads/table.ts';
import { readCoreBusyMs, readTrees } from './proc.ts';

interface Tally {
  units: number;
  requests: number;
  errors: number;
  readonly errorSamples: Map<string, number>;
  isOver: boolean;
}

/** A contender that fails at once must not make the load generator spin. */
const PAUSE_AFTER_ERROR_MS = 10;
const ERROR_SAMPLES = 5;

/** Runs the load and returns the figures of its window, or why the contender cannot do it. */
export async function measureLoad(command: MeasureCommand): Promise<MeasureResult | FailedResult> {
  const load = findLoad(command.load);
  const clients = Array.from({ length: load.clients }, () => load.createClient(new URL(command.url)));
  const tally: Tally = { units: 0, requests: 0, errors: 0, errorSamples: new Map(), isOver: false };
  try {
    const reason = await tryFirst(clients[0]);
    if (reason !== undefined) return { kind: 'failed', reason };
    const runs = clients.map((client, index) => runClient(client, tally, index === 0));
    await sleep(command.warmupMs);
    const before = await takeSnapshot(command, tally);
    await sleep(command.windowMs);
    const result = subtract(before, await takeSnapshot(command, tally));
    tally.isOver = true;
    await Promise.all(runs);
    return { ...result, errorSamples: Object.fromEntries(tally.errorSamples) };
  } finally {
    tally.isOver = true;
    await Promise.all(clients.map((client) => client.close()));
  }
}

async function tryFirst(client: LoadClient | undefined): Promise<string | undefined> {
  try {
    await client?.open();
    await client?.step();
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}

async function runClient(client: LoadClient, tally: Tally, isOpen: boolean): Promise<void> {
  let mustOpen = !isOpen;
  while (!tally.isOver) {
    try {
      if (mustOpen) await client.open();
      mustOpen = false;
      const requests = await client.step();
      tally.requests += requests;
      tally.units += 1;
    } catch (error) {
      mustOpen = true;
      tally.errors += 1;
      const text = describeError(error);
      if (tally.errorSamples.size < ERROR_SAMPLES || tally.errorSamples.has(text)) {
        tally.errorSamples.set(text, (tally.errorSamples.get(text) ?? 0) + 1);
      }
      await sleep(PAUSE_AFTER_ERROR_MS);
    }
  }
}

async function takeSnapshot(command: MeasureCommand, tally: Tally): Promise<MeasureResult> {
  const upstreamRequests = command.upstreamUrl === undefined ? undefined : await countRequests(command.upstreamUrl);
  const [contender, upstream] = readTrees([command.contenderPid, command.upstreamPid]);
  const own = process.cpuUsage();
  return {
    kind: 'measure',
    windowMs: performance.now(),
    units: tally.units,
    requests: tally.requests,
    errors: tally.errors,
    errorSamples: {},
    contenderCpuMs: contender?.cpuMs,
    upstreamCpuMs: upstream?.cpuMs,
    upstreamRequests,
    loadCpuMs: (own.user + own.system) / 1000,
    coreBusyMs: readCoreBusyMs(command.core),
    rssBytes: contender?.rssBytes,
    processes: contender?.processes,
  };
}

async function countRequests(upstreamUrl: string): Promise<number> {
  const response = await fetch(new URL('/__counts', upstreamUrl));
  const { counts } = (await response.json()) as { readonly counts: Readonly<Record<string, number>> };
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function subtract(before: MeasureResult, after: MeasureResult): MeasureResult {
  return {
    ...after,
    windowMs: after.windowMs - before.windowMs,
    units: after.units - before.units,
    requests: after.requests - before.requests,
    // Errors of the warm-up count too: a contender that fails early is not clean.
    contenderCpuMs: difference(before.contenderCpuMs, after.contenderCpuMs),
    upstreamCpuMs: difference(before.upstreamCpuMs, after.upstreamCpuMs),
    upstreamRequests: difference(before.upstreamRequests, after.upstreamRequests),
    loadCpuMs: after.loadCpuMs - before.loadCpuMs,
    coreBusyMs: difference(before.coreBusyMs, after.coreBusyMs),
  };
}

function difference(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before;
}

function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 300) : String(error);
}
