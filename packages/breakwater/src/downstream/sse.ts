import { reportFault } from './fault-report.ts';
import type { Context, Inbound } from './inbound.ts';
import { makerOf, passOn } from './pass-on.ts';
import { isJsonBody, receiveBody } from './post.ts';
import { mayBegin, mayServe } from './recording.ts';
import { refuse } from './refusal.ts';
import { SseChannel } from './sse-channel.ts';
import { StreamSlots } from './stream-slots.ts';

const ACCEPTED = Buffer.from('Accepted');
const DEAD = 'The event stream of this session is closed or never existed. Open it again with GET.';
const PARAMETER = 'session_id';

/** The open streams of the 2024 HTTP+SSE transport. Their ids mean nothing to any other transport. */
export class SseChannels {
  readonly #context: Context;
  readonly #channels: Map<string, SseChannel>;
  /** For streams over which nobody was initialized yet. */
  readonly #pending: StreamSlots;

  /** @param former the channels of the configuration before a reload: their sessions are as long as their streams, so they move over. */
  constructor(context: Context, former?: SseChannels) {
    this.#context = context;
    this.#channels = former === undefined ? new Map() : former.#channels;
    this.#pending = former === undefined ? new StreamSlots(context.options.pendingChannels) : former.#pending;
    for (const channel of this.#channels.values()) channel.adopt(context);
  }

  /** Answers a GET with a new stream whose first event says where to post. */
  open(inbound: Inbound): void {
    if (!mayBegin(inbound)) return;
    // Attack: a loop of GETs, each of which holds a stream for as long as a person may take to start a client.
    const leavePending = this.#pending.take(inbound);
    if (leavePending === undefined) return refuse(inbound, 'request.rate');
    const { random, peers } = this.#context.deps;
    const id = peers === undefined ? random.id() : peers.tags.mint(random.id());
    const onEnd = (): void => {
      leavePending();
      this.#channels.delete(id);
    };
    this.#channels.set(id, new SseChannel(inbound, `${PARAMETER}=${id}`, { onInitialized: leavePending, onEnd }));
  }

  /** The route of the channel that a message URI names. */
  routeOf(query: string): Inbound['route'] | undefined {
    return this.#find(query)?.route;
  }

  /** Takes a POST to a message URI: 202, and the answer on the channel's stream. */
  async receive(inbound: Inbound, query: string): Promise<void> {
    const channel = this.#find(query);
    const keeper = channel === undefined ? makerOf(inbound, idOf(query) ?? '') : undefined;
    if (keeper !== undefined && (await passOn(inbound, keeper, undefined))) return;
    // A dead stream is 404, never a silent 202: the client would wait for an answer that has nowhere to go. A stranger's is the same.
    if (channel === undefined || !(await channel.admits(inbound)))
      return refuse(inbound, 'session.unknown', { message: DEAD });
    if (!isJsonBody(inbound)) return refuse(inbound, 'body.media-type');
    const received = await receiveBody(inbound, false);
    if (received === undefined) return;
    const { body } = received;
    // It may have ended while the body arrived: what is taken now would run, and nobody would hear of it.
    if (!channel.isOpen) return refuse(inbound, 'session.unknown', { message: DEAD });
    if (!mayServe(inbound, body, false)) return;
    inbound.res.writeHead(202, { 'content-type': 'text/plain', 'content-length': String(ACCEPTED.length) });
    inbound.res.end(ACCEPTED);
    const elements = body.kind === 'batch' ? body.elements : [{ ok: true, value: body.message } as const];
    for (const element of elements) {
      // The request is answered already; what goes wrong now is told on the stream.
      channel.receive(inbound, element).catch((error: unknown) => {
        reportFault(this.#context, error);
      });
    }
  }

  #find(query: string): SseChannel | undefined {
    const id = idOf(query);
    return id === undefined ? undefined : this.#channels.get(id);
  }
}

function idOf(query: string): string | undefined {
  return new URLSearchParams(query).get(PARAMETER) ?? undefined;
}
