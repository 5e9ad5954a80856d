import { randomBytes } from 'node:crypto';
import type { HeaderLines } from '../doctor/exchange.ts';
import { open } from '../doctor/flows.ts';
import { INITIALIZED, request } from '../doctor/messages.ts';
import { Pace } from '../doctor/pace.ts';
import { isSafe } from '../doctor/safe-tools.ts';
import type { Target } from '../doctor/target.ts';
import { Refused, Wire } from '../doctor/wire.ts';
import { LATEST_LEGACY } from '../protocol/revision.ts';
import { type Comparison, compareOutcomes } from './compare.ts';
import { messagesOf, requestIdsOf } from './outcome.ts';
import { isStanding, Play, recordedOutcome } from './play-exchange.ts';
import { Pseudonyms } from './pseudonyms.ts';
import type { RecordedExchange } from './record.ts';
import { References } from './references.ts';
import type { PlayedExchange, ReplayReport } from './replay-report.ts';
import { requestFor, type ToolLeave } from './replay-request.ts';

/** How a recording is to be played. */
export interface Replay {
  readonly target: Target;
  readonly exchanges: readonly RecordedExchange[];
  /** Requests a second, over all clients. */
  readonly rate: number;
  /** Clients at one time. */
  readonly concurrency: number;
  /** Longest wait for one answer. */
  readonly answerMs: number;
  readonly extra: HeaderLines;
  readonly callTools: boolean;
  readonly version: string;
}

/** Requests of one client that are under way at one time. */
const MOST_OPEN = 32;
/** Pages of tools/list that are read to learn what may be called. */
const MOST_PAGES = 50;

/** Plays a recording: the clients beside one another, each in the order and overlap it had. */
export async function replay(init: Replay): Promise<ReplayReport> {
  const { target, extra, answerMs, rate } = init;
  const pace = new Pace(rate);
  const { signal: over } = new AbortController();
  const makeWire = () => new Wire({ target, pace, agent: undefined, extra, answerMs, over, allowedTools: [] });
  // Neither the timers of abort signals nor an unread socket keep a process alive.
  const awake = setInterval(() => undefined, answerMs);
  try {
    const callsTools = init.exchanges.some(({ request: { body } }) =>
      messagesOf(body).some(({ method }) => method === 'tools/call'),
    );
    const readOnly = callsTools && !init.callTools ? await findReadOnlyTools(makeWire()) : new Set<string>();
    const leave: ToolLeave = { all: init.callTools, readOnly };
    const clients = Map.groupBy(init.exchanges, ({ client }) => client);
    const waiting = [...clients.values()];
    const played: PlayedExchange[] = [];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        played.push(...(await playClient(next, makeWire(), leave)));
    };
    await Promise.all(Array.from({ length: init.concurrency }, work));
    played.sort((a, b) => a.n - b.n);
    return { target: target.url.href, version: init.version, clients: clients.size, played };
  } finally {
    clearInterval(awake);
  }
}

async function playClient(
  recorded: readonly RecordedExchange[],
  wire: Wire,
  leave: ToolLeave,
): Promise<PlayedExchange[]> {
  const references = new References();
  const redaction = { names: new Pseudonyms(randomBytes(32)), keepValues: false };
  const looseIds = new Set<unknown>();
  const plays: Play[] = [];
  const results: Promise<PlayedExchange>[] = [];
  try {
    for (const exchange of recorded.toSorted((a, b) => a.atMs - b.atMs || a.n - b.n)) {
      for (const play of plays) await play.reached(exchange.atMs);
      leaveDone(plays, exchange.atMs);
      const running = plays.filter(({ isOver }) => !isOver);
      if (running.length >= MOST_OPEN) await Promise.race(running.map(({ outcome }) => outcome));
      const {
        n,
        client,
        request: { method, path },
      } = exchange;
      const head = { n, client, method, path, what: whatOf(exchange) };
      const prepared = requestFor(exchange, references, leave);
      if (!prepared.ok) {
        results.push(Promise.resolve({ ...head, verdict: 'skipped', reason: prepared.why, differences: [] }));
        continue;
      }
      const play = new Play(exchange, prepared, {
        wire,
        references,
        redaction,
        extra: wire.extra,
        readOnly: leave.readOnly,
      });
      plays.push(play);
      if (prepared.isMadeUp) for (const id of requestIdsOf(exchange.request.body)) looseIds.add(id);
      results.push(judge(play, head, { isLoose: prepared.isMadeUp, looseIds }));
    }
    for (const play of plays) if (!isStanding(play.recorded)) await play.outcome;
    for (const play of plays) play.leave();
    return await Promise.all(results);
  } finally {
    wire.close();
  }
}

async function judge(
  play: Play,
  head: Pick<PlayedExchange, 'n' | 'client' | 'method' | 'path' | 'what'>,
  comparison: Comparison,
): Promise<PlayedExchange> {
  const live = await play.outcome;
  const differences = compareOutcomes(recordedOutcome(play.recorded), live, comparison);
  const verdict = differences.length === 0 ? 'same' : 'differs';
  const failure = verdict === 'differs' ? play.failure : undefined;
  const reason = failure ?? (comparison.isLoose ? 'hidden values were made up: compared loosely' : undefined);
  return { ...head, verdict, differences, ...(reason !== undefined && { reason }) };
}

// Where the client had left by then, it leaves now: what it was still sent it never read.
function leaveDone(plays: readonly Play[], atMs: number): void {
  for (const play of plays) {
    const { recorded } = play;
    if (recorded.end !== 'complete' && recorded.atMs + recorded.tookMs <= atMs) play.leave();
  }
}

function whatOf({ request: { body } }: RecordedExchange): string {
  const methods = messagesOf(body).flatMap(({ method }) => (typeof method === 'string' ? [method] : []));
  return methods.join(', ').slice(0, 80);
}

/** Asks the live server which of its tools only read; none when it does not say. */
async function findReadOnlyTools(wire: Wire): Promise<Set<string>> {
  const found = new Set<string>();
  try {
    const { send } = await open(wire, LATEST_LEGACY, { client: 'breakwater-replay' });
    await wire.post(INITIALIZED, send);
    let cursor: unknown;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const answer = await wire.post(
        request(`tools-${page}`, 'tools/list', cursor === undefined ? {} : { cursor }),
        send,
      );
      for (const tool of answer.list('tools') ?? [])
        if (isSafe(tool, []) && typeof tool['name'] === 'string') found.add(tool['name']);
      cursor = answer.result?.['nextCursor'];
      if (typeof cursor !== 'string') break;
    }
    if (send.sid !== undefined) await wire.send({ ...send, method: 'DELETE' });
  } catch (error) {
    if (!(error instanceof Refused)) throw error; // It speaks another era, or does not answer: then no tool is known to be safe.
  }
  return found;
}
