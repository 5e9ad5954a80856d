import { GatewayError } from '../core/errors.ts';
import type { EventArchive, TakenStream } from '../core/event-archive.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { findMember, memberValue, scanObject } from '../jsonrpc/raw.ts';
import { encodeError, writeError } from '../jsonrpc/write.ts';
import { passToCall } from './adopt-call.ts';
import { EventStream } from './event-stream.ts';
import type { Inbound } from './inbound.ts';
import type { Peers } from './options.ts';
import { passOn } from './pass-on.ts';
import { rpcErrorOf } from './refusal.ts';
import type { StreamableSession } from './streamable-session.ts';

/**
 * Serves a GET for the rest of a stream that another node began: that node does, or where it is gone the copy that it wrote down. False when there is no
 * such stream: the session's own stream is meant then.
 */
export async function resumeElsewhere(
  inbound: Inbound,
  streamable: StreamableSession,
  lastEventId: string | undefined,
): Promise<boolean> {
  const { session, log } = streamable;
  const { peers, archive } = inbound.context.deps;
  const position = lastEventId === undefined ? undefined : readPosition(lastEventId);
  if (peers === undefined || archive === undefined || position === undefined) return false;
  const { streamId } = position;
  const maker = peers.tags.elsewhere(streamId);
  const isAnswer = maker !== undefined || streamId.startsWith(peers.tags.mint(''));
  if (!isAnswer || log.has(streamId)) return false;
  // While a node is waited for, this one must not let go of the session.
  const over = inbound.context.deps.sessions.begin(session);
  try {
    return await serveRest(inbound, streamable, position, { peers, archive, maker });
  } finally {
    over();
  }
}

async function serveRest(
  inbound: Inbound,
  streamable: StreamableSession,
  { streamId, seq }: Position,
  { peers, archive, maker }: { peers: Peers; archive: EventArchive; maker: string | undefined },
): Promise<boolean> {
  const { session, log } = streamable;
  const mayPass = !peers.wasForwarded(inbound.req);
  if (mayPass && maker !== undefined && (await passOn(inbound, maker, undefined))) return true;
  // Where its call waits for the client, it goes on: at the node that has taken it over, or here.
  if (await passToCall(inbound, streamable, streamId, undefined)) return true;
  if (log.has(streamId)) return false;
  const found = await archive.find(streamId);
  if (found === undefined) return false;
  // Somebody else took it over since, and still adds to it.
  const isElsewhere = !found.ended && found.writer !== maker && found.writer !== peers.tags.node;
  if (mayPass && isElsewhere && (await passOn(inbound, found.writer, undefined))) return true;
  const taken = await archive.take(session.id, streamId);
  // Of a stream that was cut off, or of which too much was sent to be kept, the client may have more than the copy.
  if (taken === undefined || (taken.ended && taken.events.length > 0 && seq > taken.last)) return false;
  if (!taken.ended) inbound.context.deps.emit({ type: 'stream-adopted' });
  replay(inbound, session.id, { streamId, seq }, taken);
  return true;
}

interface Position {
  readonly streamId: string;
  readonly seq: number;
}

function readPosition(eventId: string): Position | undefined {
  const [, streamId, seq] = /^([\x21-\x7e]{1,128})-(0|[1-9]\d{0,14})$/.exec(eventId) ?? [];
  return streamId === undefined ? undefined : { streamId, seq: Number(seq) };
}

function replay(inbound: Inbound, sessionId: string, { streamId, seq: after }: Position, taken: TakenStream): void {
  const stream: EventStream = new EventStream({
    arrival: inbound,
    kind: 'get',
    owner: sessionId,
    sessionId,
    onEnd: () => {
      if (stream.isDelivered) taken.copy.read();
    },
  });
  // The head must go out, whatever there is to say.
  stream.comment();
  for (const { seq, data } of taken.events) if (seq > after) stream.send({ id: `${streamId}-${seq}`, data });
  const answered = new Set(taken.events.map(({ data }) => answeredBy(data)));
  let last = Math.max(taken.last, after);
  for (const id of taken.ids) {
    if (answered.has(id)) continue;
    // What was answered and is not kept is told apart from what nobody knows the end of.
    const error = new GatewayError(taken.ended ? 'stream.lost' : 'fleet.node-lost');
    const data = writeError(id, encodeError(rpcErrorOf(error, undefined)));
    last++;
    if (!taken.ended) taken.copy.append(last, data);
    stream.send({ id: `${streamId}-${last}`, data });
  }
  if (!taken.ended) taken.copy.end();
  stream.end('ended');
}

/** The id of the request that a message answers; undefined for any other message. */
function answeredBy(data: Buffer): RawId | undefined {
  const message = scanObject(data);
  const id = message === undefined ? undefined : findMember(message, 'id');
  if (message === undefined || id === undefined || memberValue(message, 'method') !== undefined) return undefined;
  return data.toString('latin1', id.start, id.end) as RawId;
}
