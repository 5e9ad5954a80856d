import { GatewayError } from '../core/errors.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { type KeyRing, openBytes, sealBytes } from '../core/seal.ts';
import type { SessionNews } from '../core/session-vault.ts';
import type { Store } from '../core/store.ts';
import type { RawId } from '../jsonrpc/id.ts';
import { isObject } from '../protocol/capabilities.ts';
import { isLogLevel } from '../protocol/logging.ts';

const CHANNEL = 'sessions';
/** What one message tells at most. */
const MOST_AT_ONCE = 500;
/** Beyond these characters what comes goes in the next one: a store cuts off who is sent too much at a time. */
const LARGE_CHARS = 262_144;
/** What may wait while a message is on its way: a store may hang, and its connection stay. */
const MOST_WAITING_CHARS = 8 * 1_048_576;
/** What a piece of news takes beyond its session and what a server says in it. */
const NEWS_CHARS = 100;
/** How often it is tried again to tell what must be known. */
const AGAIN_MS = 1_000;
const MOST_UNTOLD = 10_000;

const SPACE = Buffer.from(' ');
/** In place of a piece of news: there were some of this node that nobody was told. */
const MISSED = 'missed';

type Piece = readonly [sessionId: string, news: SessionNews] | typeof MISSED;

interface Gathered {
  readonly news: Piece[];
  chars: number;
  /** Settles when all of it was told. */
  readonly told: Promise<void>;
}

/** Hears one piece of news of another node. */
export type HearNews = (sessionId: string, news: SessionNews) => void;

/**
 * The channel on which nodes tell each other what became of sessions. Sealed: a session id is a credential, and who can write to the store must not end
 * sessions. What waits to be told is bounded. What finds no room, or is refused by the store, is told again, or the others are told that they missed something
 * (they ask the store then, as after a gap of their own); what servers say is lost, and so are cancellations.
 */
export class SessionBus {
  readonly #store: Store;
  readonly #ring: KeyRing;
  readonly #node: string;
  readonly #clock: Clock;
  readonly #untold = new Map<string, { readonly sessionId: string; readonly news: SessionNews }>();
  #hasMissed = false;
  #again: Timer | undefined;
  #isClosed = false;
  #stop: (() => Promise<void>) | undefined;
  /** What is told next. */
  #gathered: Gathered | undefined;
  #waitingChars = 0;
  /** Resolves when what was gathered before has been told, or could not be. */
  #telling: Promise<void> = Promise.resolve();

  constructor(options: { store: Store; ring: KeyRing; node: string; clock: Clock }) {
    this.#clock = options.clock;
    this.#store = options.store;
    this.#ring = options.ring;
    this.#node = options.node;
  }

  /** Begins to listen. `onGap`: news may be missing, of this node's or another's fault. Rejects with `store.unavailable`. */
  async open(hear: HearNews, onGap: () => void): Promise<void> {
    this.#stop = await this.#store.subscribe(CHANNEL, (message) => this.#take(message, hear, onGap), onGap);
  }

  /** Tells the other nodes. What is told while a message is on its way goes together in the next one. Rejects with `store.unavailable`. */
  async tell(sessionId: string, news: SessionNews): Promise<void> {
    try {
      await this.#add([sessionId, news], sessionId.length + NEWS_CHARS + charsOf(news));
    } catch (error) {
      // Two nodes would take themselves for the one that has the stream.
      if (news.type === 'stream') this.#noteMissed();
      throw error;
    }
  }

  #add(piece: Piece, chars: number): Promise<void> {
    // Attack: servers talk, or clients end their sessions, for as long as the store hangs.
    if (this.#waitingChars + chars > MOST_WAITING_CHARS)
      return Promise.reject(new GatewayError('store.unavailable', { cause: new Error('too much waits to be told') }));
    if (this.#gathered === undefined || isFull(this.#gathered)) this.#gather();
    const gathered = this.#gathered as Gathered;
    gathered.news.push(piece);
    gathered.chars += chars;
    this.#waitingChars += chars;
    return gathered.told;
  }

  #gather(): void {
    const gathered: Gathered['news'] = [];
    const told = this.#telling.then(() => {
      this.#waitingChars -= made.chars;
      if (this.#gathered === made) this.#gathered = undefined;
      return this.#publish(gathered);
    });
    const made = { news: gathered, chars: 0, told };
    this.#gathered = made;
    this.#telling = told.catch(() => undefined);
  }

  // Its node stands in front, so that nobody opens what they said themselves.
  async #publish(gathered: Gathered['news']): Promise<void> {
    const sealed = sealBytes(this.#ring, Buffer.from(JSON.stringify(gathered)), contextOf(this.#node));
    await this.#store.publish(CHANNEL, Buffer.concat([Buffer.from(this.#node), SPACE, sealed]));
  }

  /** Tells the other nodes, as soon as the store is in reach. */
  async tellSurely(sessionId: string, news: SessionNews): Promise<void> {
    const name = `${news.type} ${sessionId}`;
    try {
      await this.tell(sessionId, news);
      this.#untold.delete(name);
    } catch {
      if (this.#untold.size >= MOST_UNTOLD) return this.#noteMissed();
      this.#untold.set(name, { sessionId, news });
      this.#tryAgain();
    }
  }

  #noteMissed(): void {
    this.#hasMissed = true;
    this.#tryAgain();
  }

  #tryAgain(): void {
    // With the store closed it would be tried for ever.
    if (this.#isClosed) return;
    this.#again ??= this.#clock.after(AGAIN_MS, () => {
      this.#again = undefined;
      const untold = [...this.#untold.values()];
      // Each waits in one place at a time, however long the store hangs.
      this.#untold.clear();
      for (const { sessionId, news } of untold) void this.tellSurely(sessionId, news);
      if (!this.#hasMissed) return;
      this.#hasMissed = false;
      this.#add(MISSED, MISSED.length).catch(() => this.#noteMissed());
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#again?.clear();
    await this.#stop?.();
    this.#stop = undefined;
  }

  #take(message: Buffer, hear: HearNews, onGap: () => void): void {
    const end = message.indexOf(SPACE);
    const node = message.toString('latin1', 0, Math.max(0, end));
    if (node === this.#node) return;
    const plain = openBytes(this.#ring, message.subarray(end + 1), contextOf(node));
    const told: unknown = plain === undefined ? undefined : JSON.parse(plain.toString());
    if (!Array.isArray(told)) return;
    for (const entry of told as readonly unknown[]) {
      if (entry === MISSED) onGap();
      if (!Array.isArray(entry)) continue;
      const [sessionId, value]: readonly unknown[] = entry;
      const news = readNews(value);
      if (typeof sessionId === 'string' && news !== undefined) hear(sessionId, news);
    }
  }
}

function isFull({ news, chars }: Gathered): boolean {
  return news.length >= MOST_AT_ONCE || chars >= LARGE_CHARS;
}

/** What a server says in it. */
function charsOf(news: SessionNews): number {
  if (news.type === 'aside') return news.message.length;
  return news.type === 'task' ? news.params.length : 0;
}

function contextOf(node: string): string {
  return `${CHANNEL} ${node}`;
}

// A node of another version may say what this one does not know.
function readNews(value: unknown): SessionNews | undefined {
  if (!isObject(value)) return undefined;
  const { type, progress, requestId, at, message, taskId, params, isProgress } = value;
  switch (type) {
    case 'stream':
      return typeof at === 'number' ? { type, at } : undefined;
    case 'ended':
    case 'watches':
    case 'kept':
    case 'seek':
    case 'reads':
      return { type };
    case 'aside':
      return typeof message === 'string' ? { type, message } : undefined;
    case 'task':
      if (typeof taskId !== 'string' || typeof params !== 'string') return undefined;
      return { type, taskId, params, isProgress: isProgress === true };
    case 'cancel':
      return typeof requestId === 'string' ? { type, requestId: requestId as RawId } : undefined;
    case 'changed': {
      if (!isObject(progress)) return undefined;
      const { initialized, confirmed, logLevel } = progress;
      const level = isLogLevel(logLevel) ? logLevel : undefined;
      return { type, progress: { initialized: initialized === true, confirmed: confirmed === true, logLevel: level } };
    }
    default:
      return undefined;
  }
}
