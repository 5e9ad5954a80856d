import { type CallRecords, type FoundCall, streamOfQuestion } from '../core/call-records.ts';
import { GatewayError } from '../core/errors.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { scanObject } from '../jsonrpc/raw.ts';
import type { Answer } from './answer.ts';
import { CallStream } from './call-stream.ts';
import type { Drain } from './drain.ts';
import { makeExchange } from './exchange-of.ts';
import type { Inbound } from './inbound.ts';
import { runExchange } from './legacy-request.ts';
import type { Peers } from './options.ts';
import type { EndReason } from './paced-writer.ts';
import { passOn } from './pass-on.ts';
import type { StreamableSession } from './streamable-session.ts';

/** How often it is looked who has a call that others take over in the same moment. */
const MOST_LOOKS = 4;

/** More events than a node can have sent and not written down: what follows has numbers beyond all that the client may have. */
const UNWRITTEN_EVENTS = 1_000_000;

/** The stream of the call that a response belongs to; undefined for one to no call that is written down. */
export function callOf(id: RawId | undefined): string | undefined {
  return id?.startsWith('"') === true ? streamOfQuestion(String(JSON.parse(id))) : undefined;
}

/**
 * Brings a request (an answer, or a GET for the stream) to the node that has the call: passes it on, true when that node served it, or takes the call over
 * from one that is gone, and then it is served here. Rejects with `store.unavailable`.
 */
export async function passToCall(
  inbound: Inbound,
  streamable: StreamableSession,
  streamId: string | undefined,
  body: Buffer | undefined,
): Promise<boolean> {
  const { peers, calls, sessions } = inbound.context.deps;
  if (peers === undefined || calls === undefined || streamId === undefined) return false;
  // While a node is waited for, this one must not let go of the session.
  const over = sessions.begin(streamable.session);
  try {
    return await bring(inbound, streamable, streamId, { body, peers, calls });
  } finally {
    over();
  }
}

async function bring(
  inbound: Inbound,
  streamable: StreamableSession,
  streamId: string,
  { body, peers, calls }: { body: Buffer | undefined; peers: Peers; calls: CallRecords },
): Promise<boolean> {
  await streamable.adoptionOf(streamId);
  // A request that was passed on is served here or by nobody.
  if (streamable.log.has(streamId) || peers.wasForwarded(inbound.req)) return false;
  for (let look = 0; look < MOST_LOOKS; look++) {
    const found = await calls.find(streamable.session.id, streamId);
    if (found === undefined || found.node === peers.tags.node) return false;
    // A node that cannot be reached may live, and then the call is its own: only when it is not entered any more, another one has it.
    if (await passOn(inbound, found.node, body, true, !found.isTaken)) return true;
    if (found.isTaken || inbound.res.destroyed || (await peers.isEntered?.(found.node)) === true) return false;
    if (await streamable.adoptOnce(streamId, () => adopt(inbound, streamable, streamId, found))) return false;
  }
  return false;
}

/** Takes a call over; false when another node was first. */
async function adopt(
  inbound: Inbound,
  streamable: StreamableSession,
  streamId: string,
  found: FoundCall,
): Promise<boolean> {
  const { context, route, principal } = inbound;
  const { deps, options, drain } = context;
  const { session, state, log } = streamable;
  // Attack: a client whose calls all lost their node has no more of them here than anywhere.
  if (state.inFlight >= options.limits.inFlightPerSession) throw new GatewayError('request.rate');
  const adopted = await found.take();
  if (adopted === undefined) return false;
  // The former node could go on writing, if it only slept.
  const taken = await deps.archive?.take(session.id, streamId);
  const key = { id: session.id, route: route.path, transport: 'streamable', principal } as const;
  const isAlive = (await deps.sessions.find(key)) === session;
  if (taken === undefined || taken.ended || !isAlive || deps.handler.adopt === undefined) return true;
  const { call } = adopted;
  const { requestId: id, progressToken, method, logLevel, name } = call;
  const message = { kind: 'request', id, method, params: call.params && scanObject(call.params) } as const;
  const { client } = session;
  const init = { client, sessionId: session.id, progress: progressToken !== undefined, logLevel };
  const exchange = { ...makeExchange(inbound, message, init), name };
  const stream = { ...taken, last: taken.last + UNWRITTEN_EVENTS };
  const answer = new AdoptedAnswer(new CallStream([id], log, { id: streamId, stream }), drain);
  deps.emit({ type: 'call-adopted' });
  const { handler } = deps;
  runExchange(
    { inbound, client, state },
    { exchange, message, progressToken, answer },
    () => answer.abort('session-ended'),
    (reply) => handler.adopt?.(exchange, reply, adopted) ?? noteNothing,
  );
  return true;
}

/** The rest of an answer that another node began: a stream that its client may have, or come back for. */
class AdoptedAnswer implements Answer {
  readonly #stream: CallStream;
  readonly #drain: Drain;
  #isOver = false;

  constructor(stream: CallStream, drain: Drain) {
    this.#stream = stream;
    this.#drain = drain;
    drain.enter();
  }

  notify(message: Buffer): boolean {
    return this.#isOver || this.#stream.publish(message);
  }

  request(message: Buffer): boolean {
    if (this.#isOver) return false;
    this.#stream.publish(message);
    return true;
  }

  respond(message: Buffer): void {
    if (this.#isOver) return;
    this.#stream.publish(message);
    this.abort('ended');
  }

  withdraw(): void {
    this.abort('ended');
  }

  onceDrained(run: () => void): void {
    this.#stream.onceDrained(run);
  }

  keptAs(): string | undefined {
    return this.#stream.id;
  }

  /** Ends it, whatever was sent. */
  abort(reason: EndReason): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#drain.leave();
    this.#stream.end(reason);
  }
}

function noteNothing(): void {
  // Without a core that takes calls over, there is nothing to cancel.
}
