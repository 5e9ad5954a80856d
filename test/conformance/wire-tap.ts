import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseEvents } from '../requirements/support/events.ts';

/** One HTTP exchange as it crossed the wire. Bodies grow while it runs. */
export interface TappedExchange {
  readonly verb: string;
  readonly session: string | undefined;
  /** The session that the response opened. */
  readonly opened: string | undefined;
  readonly sent: string;
  readonly status: number;
  /** The JSON-RPC messages of the response, as they were written. */
  readonly received: readonly string[];
}

/** A relay before an HTTP server that changes nothing and remembers everything. */
export interface WireTap extends AsyncDisposable {
  readonly url: string;
  exchanges(): TappedExchange[];
}

interface Recording {
  readonly verb: string;
  readonly session: string | undefined;
  opened: string | undefined;
  sent: string;
  status: number;
  isStream: boolean;
  body: string;
}

/** Starts a relay to `target`. */
export async function startWireTap(target: string): Promise<WireTap> {
  const recordings: Recording[] = [];
  const server = createServer((incoming, outgoing) => recordings.push(relay(new URL(target), incoming, outgoing)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    exchanges: () => recordings.map(toExchange),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function relay(target: URL, incoming: IncomingMessage, outgoing: ServerResponse): Recording {
  const { method: verb = '', headers } = incoming;
  const session = headers['mcp-session-id']?.toString();
  const recording: Recording = { verb, session, opened: undefined, sent: '', status: 0, isStream: false, body: '' };
  const onward = request(target, { method: verb, headers: { ...headers, host: target.host }, agent: false });
  incoming.on('data', (chunk: Buffer) => {
    recording.sent += chunk.toString();
  });
  incoming.pipe(onward);
  onward.once('response', (answer) => {
    recording.status = answer.statusCode ?? 0;
    recording.opened = answer.headers['mcp-session-id']?.toString();
    recording.isStream = String(answer.headers['content-type']).startsWith('text/event-stream');
    outgoing.writeHead(recording.status, answer.headers);
    outgoing.flushHeaders();
    answer.on('data', (chunk: Buffer) => {
      recording.body += chunk.toString();
    });
    answer.pipe(outgoing);
    answer.once('error', () => outgoing.destroy());
  });
  onward.once('error', () => outgoing.destroy());
  outgoing.once('close', () => onward.destroy());
  return recording;
}

function toExchange({ isStream, body, ...rest }: Recording): TappedExchange {
  const received = isStream ? parseEvents(body).flatMap(({ data }) => (data ? [data] : [])) : body === '' ? [] : [body];
  return { ...rest, received };
}
