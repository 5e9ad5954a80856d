import type { JsonObject } from '../protocol/capabilities.ts';
import { INITIALIZED, type InitializeInit, initialize, type Outgoing } from './messages.ts';
import type { Send } from './send.ts';
import type { Stream } from './stream.ts';
import { Refused, type Wire } from './wire.ts';

/** A client of the 2024 transport: it listens on one stream and posts to the address the stream named. */
export interface Sse2024 {
  readonly stream: Stream;
  /** Path and query that messages are posted to. */
  readonly endpoint: string;
  /** Posts a message; resolves with its answer from the stream, or undefined for a notification. */
  tell(message: Outgoing): Promise<JsonObject | undefined>;
}

/** Opens the stream at `path` and needs its `endpoint` event. */
export async function openSse(wire: Wire, path: string, send: Send = {}): Promise<Sse2024> {
  const stream = await wire.stream({ ...send, path });
  const first = await stream.find(({ event }) => event === 'endpoint', wire.answerMs);
  wire.need(stream.answer, first !== undefined, 'the stream begins with an endpoint event');
  const url = URL.parse(first?.data ?? '', wire.target.at(path).href);
  // The 2024 clients refuse another origin: it would get their messages.
  if (url === null || url.origin !== wire.target.url.origin) {
    throw new Refused(stream.answer, 'the endpoint is on the origin of the stream');
  }
  const endpoint = `${url.pathname}${url.search}`;
  const tell = async (message: Outgoing): Promise<JsonObject | undefined> => {
    const posted = await wire.post(message, { accept: '*/*', path: endpoint });
    wire.need(posted, posted.ok, 'a message posted to the endpoint is accepted');
    const { id } = message;
    if (id === undefined) return undefined;
    const answer = await stream.find(({ json }) => json?.['id'] === id && !('method' in json), wire.answerMs);
    if (answer?.json === undefined)
      throw new Refused(posted, `the answer to ${String(message['method'])} comes on the stream`);
    return answer.json;
  };
  return { stream, endpoint, tell };
}

/** Opens the stream at the first of `paths` that has one, and shakes hands over it. */
export async function shakeHandsOverSse(
  wire: Wire,
  paths: readonly string[],
  init: InitializeInit = {},
): Promise<Sse2024> {
  let refused: unknown;
  for (const path of paths) {
    try {
      const sse = await openSse(wire, path);
      await sse.tell(initialize('2024-11-05', init));
      await sse.tell(INITIALIZED);
      return sse;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refused ??= error;
    }
  }
  throw refused;
}
