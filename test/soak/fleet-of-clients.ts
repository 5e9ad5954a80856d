import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { HttpConnection } from '../../bench/http-connection.ts';
import { LEGACY_REVISION } from '../../bench/upstream-bodies.ts';

/** What one client does before it vanishes, and how many of a thousand do it. */
const BEHAVIOURS = [
  { name: 'handshake only', share: 500 },
  { name: 'initialize and nothing else', share: 90 },
  { name: 'lists', share: 250 },
  { name: 'a call', share: 60 },
  // 6.64 % of sessions in the field end with DELETE; a probe does nothing between.
  { name: 'DELETE', share: 66 },
  { name: 'orphaned stream', share: 14 },
  { name: 'vanished subscriber', share: 10 },
  { name: 'abandoned upload', share: 5 },
  { name: 'slow reader', share: 5 },
] as const;

type Behaviour = (typeof BEHAVIOURS)[number]['name'];

/** What was done. */
export interface Tally {
  sessions: number;
  refused: number;
  readonly behaviours: Record<string, number>;
}

/** When to stop sending clients: at so many sessions, or when the time is over. */
export interface Bounds {
  readonly sessions: number;
  readonly ms: number;
}

/** Sends clients of all kinds; what they leave open is left to the gateway. */
export async function sendClients(url: string, bounds: Bounds, workers: number): Promise<Tally> {
  const untilMs = performance.now() + bounds.ms;
  const tally: Tally = { sessions: 0, refused: 0, behaviours: {} };
  const abandoned: Socket[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    const client = new FieldClient(new URL(url), abandoned);
    while (next < bounds.sessions && performance.now() < untilMs) {
      const behaviour = behaviourOf(next++);
      tally.behaviours[behaviour] = (tally.behaviours[behaviour] ?? 0) + 1;
      if (await client.play(behaviour)) tally.sessions++;
      else tally.refused++;
      // Not more descriptors than a process has: the oldest connections fall away, without a word to the gateway.
      while (abandoned.length > MOST_ABANDONED) abandoned.shift()?.destroy();
    }
    client.close();
  };
  await Promise.all(Array.from({ length: workers }, work));
  // A moment for the last to be noticed while they are still there, then they vanish.
  await wait(500);
  for (const socket of abandoned) socket.destroy();
  return tally;
}

const MOST_ABANDONED = 600;
/** A stride that is prime to a thousand spreads the behaviours evenly. */
const STRIDE = 389;

function behaviourOf(index: number): Behaviour {
  let at = (index * STRIDE) % 1_000;
  for (const { name, share } of BEHAVIOURS) {
    if (at < share) return name;
    at -= share;
  }
  return 'handshake only';
}

/** One connection over which one client after the other comes. */
class FieldClient {
  readonly #connection: HttpConnection;
  readonly #url: URL;
  readonly #abandoned: Socket[];

  constructor(url: URL, abandoned: Socket[]) {
    this.#url = url;
    this.#connection = new HttpConnection(url);
    this.#abandoned = abandoned;
  }

  close(): void {
    this.#connection.close();
  }

  /** True when the session was opened. */
  async play(behaviour: Behaviour): Promise<boolean> {
    const params = {
      protocolVersion: LEGACY_REVISION,
      capabilities: {},
      clientInfo: { name: behaviour, version: '1' },
    };
    const opened = await this.#connection.exchange(this.#post(undefined, message('initialize', params)));
    const session = opened.sessionId;
    if (opened.status !== 200 || session === undefined) return false;
    if (behaviour === 'DELETE')
      return (await this.#connection.exchange(this.#head('DELETE', session, '\r\n'))).status === 200;
    if (behaviour === 'initialize and nothing else') return true;
    await this.#send(session, '{"jsonrpc":"2.0","method":"notifications/initialized"}');
    switch (behaviour) {
      case 'lists':
        await this.#send(session, message('tools/list'));
        await this.#send(session, message('prompts/list'));
        break;
      case 'a call':
        await this.#send(session, message('tools/call', { name: 'echo', arguments: { text: 'soak' } }));
        break;
      case 'orphaned stream':
        await this.#abandon(this.#head('GET', session, 'accept: text/event-stream\r\n\r\n'), 'head');
        break;
      case 'vanished subscriber':
        await this.#abandon(this.#head('GET', session, 'accept: text/event-stream\r\n\r\n'), 'head');
        await this.#send(session, message('resources/subscribe', { uri: `soak://${session}` }));
        break;
      case 'abandoned upload':
        await this.#abandon(
          `${this.#head('POST', session, '')}${JSON_HEAD}content-length: 100000\r\n\r\n{"jsonrpc"`,
          'nothing',
        );
        break;
      case 'slow reader':
        await this.#abandon(this.#post(session, message('tools/call', { name: 'big', arguments: {} })), 'nothing');
        break;
    }
    return true;
  }

  async #send(session: string, body: string): Promise<void> {
    await this.#connection.exchange(this.#post(session, body));
  }

  #abandon(request: string, until: 'head' | 'nothing'): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect({ host: this.#url.hostname, port: Number(this.#url.port) });
      this.#abandoned.push(socket);
      socket.on('error', () => socket.destroy()); // the gateway cut it, as it should
      socket.once('close', () => resolve());
      socket.write(request, () => {
        if (until === 'nothing') resolve(void socket.pause());
      });
      if (until === 'head') socket.once('data', () => resolve());
    });
  }

  #post(session: string | undefined, body: string): string {
    return `${this.#head('POST', session, '')}${JSON_HEAD}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  }

  #head(verb: string, session: string | undefined, rest: string): string {
    const named = session === undefined ? '' : `mcp-session-id: ${session}\r\n`;
    return `${verb} ${this.#url.pathname} HTTP/1.1\r\nhost: ${this.#url.host}\r\n${named}${rest}`;
  }
}

const JSON_HEAD = 'content-type: application/json\r\naccept: application/json, text/event-stream\r\n';

function message(method: string, params: object = {}): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
}
