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
/** How often it is tried again to tell what must be known. */
const AGAIN_MS = 1_000;
const MOST_UNTOLD = 10_000;

const SPACE = Buffer.from(' ');

interface Gathered {
  readonly news: (readonly [sessionId: string, news: SessionNews])[];
  /** What servers say in it. */
  chars: number;
  /** Settles when all of it was told. */
  readonly told: Promise<void>;
}

/** Hears one piece of news of another node. */
export type HearNews = (sessionId: string, news: SessionNews) => void;

/** The channel on which nodes tell each other what became of sessions. Sealed: a session id is a credential, and who can write to the store must not end sessions. */
export class SessionBus {
  readonly #store: Store;
  readonly #ring: KeyRing;
  readonly #node: string;
  readonly #clock: Clock;
  readonly #untold = new Map<string, { readonly sessionId: string; readonly news: SessionNews }>();
  #again: Timer | undefined;
  #stop: (() => Promise<void>) | undefined;
  /** What is told next. */
  #gathered: Gathered | undefined;
  /** Resolves when what was gathered before has been told, or could not be. */
  #telling: Promise<void> = Promise.resolve();

  constructor(options: { store: Store; ring: KeyRing; node: string; clock: Clock }) {
    this.#clock = options.clock;
    this.#store = options.store;
    this.#ring = options.ring;
    this.#node = options.node;
  }

  /** Begins to listen. Rejects with `store.unavailable`. */
  async open(hear: HearNews, onGap: () => void): Promise<void> {
    this.#stop = await this.#store.subscribe(CHANNEL, (message) => this.#take(message, hear), onGap);
  }

  /** Tells the other nodes. What is told while a message is on its way goes together in the next one. Rejects with `store.unavailable`. */
  tell(sessionId: string, news: SessionNews): Promise<void> {
    if (this.#gathered === undefined || isFull(this.#gathered)) this.#gather();
    const gathered = this.#gathered as Gathered;
    gathered.news.push([sessionId, news]);
    gathered.chars += charsOf(news);
    return gathered.told;
  }

  #gather(): void {
    const gathered: Gathered['news'] = [];
    const told = this.#telling.then(() => {
      if (this.#gathered?.news === gathered) this.#gathered = undefined;
      return this.#publish(gathered);
    });
    this.#gathered = { news: gathered, chars: 0, told };
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
      // Out of reach. What does not fit is found out by the others from the record.
      if (this.#untold.size < MOST_UNTOLD) this.#untold.set(name, { sessionId, news });
      this.#again ??= this.#clock.after(AGAIN_MS, () => {
        this.#again = undefined;
        for (const kept of [...this.#untold.values()]) void this.tellSurely(kept.sessionId, kept.news);
      });
    }
  }

  async close(): Promise<void> {
    this.#again?.clear();
    await this.#stop?.();
    this.#stop = undefined;
  }

  #take(message: Buffer, hear: HearNews): void {
    const end = message.indexOf(SPACE);
    const node = message.toString('latin1', 0, Math.max(0, end));
    if (node === this.#node) return;
    const plain = openBytes(this.#ring, message.subarray(end + 1), contextOf(node));
    const told: unknown = plain === undefined ? undefined : JSON.parse(plain.toString());
    if (!Array.isArray(told)) return;
    for (const entry of told as readonly unknown[]) {
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
