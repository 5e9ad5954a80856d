import { createClient, RESP_TYPES } from '@redis/client';
import type { Clock } from '../core/ports.ts';
import { faultOf, RedisFault } from './redis-fault.ts';
import type { Script } from './redis-scripts.ts';
import { describeAddress, type RedisAddress } from './redis-url.ts';
import { within } from './within.ts';

/** A reply, strings as bytes. */
export type Reply = Buffer | number | null | readonly Reply[];

/** One command. Of a script's, the first two words are put in front when it is sent. */
export interface RedisCommand {
  readonly script?: Script;
  readonly words: readonly (string | Buffer)[];
}

/** Certificates for TLS, as PEM; the machine's own authorities are trusted when `ca` is absent. */
export interface RedisTls {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
}

/** How connections are made and watched. */
export interface LinkOptions {
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly db?: number;
  readonly tls?: RedisTls | undefined;
}

type Client = ReturnType<typeof makeClient>;

/** An idle connection is tried this often, so that one which leads nowhere is noticed. */
const HEARTBEAT_MS = 3_000;
const MOST_IN_FLIGHT = 20_000;
const BYTES = { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.SIMPLE_STRING]: Buffer, [RESP_TYPES.MAP]: Array };

/**
 * One connection to one server, from its opening to its end; it is never mended. It ends by itself when nothing at all is heard for a whole deadline
 * though something should be: then the host is dead, stopped, or behind a firewall that drops, and none of that closes a connection.
 */
export class RedisLink {
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly address: RedisAddress;
  readonly #client: Client;
  readonly #channels = new Map<string, Promise<void>>();
  readonly #ending = Promise.withResolvers<Error>();
  #cause: Error | undefined;
  /** Replies so far, to tell a slow server from a silent one. */
  #heard = 0;
  #heartbeat: { clear(): void } | undefined;

  private constructor(address: RedisAddress, options: LinkOptions) {
    this.#clock = options.clock;
    this.#deadlineMs = options.deadlineMs;
    this.address = address;
    this.#client = makeClient(address, options);
    this.#client.on('error', (error: Error) => this.close(error));
    this.#client.on('end', () => this.close(new Error('the connection was closed')));
  }

  /** Connects, logs in and sees that the server takes commands. Rejects with a {@link RedisFault}. */
  static async open(address: RedisAddress, options: LinkOptions): Promise<RedisLink> {
    const link = new RedisLink(address, options);
    try {
      await within(options.clock, options.deadlineMs, link.#connect(), () => link.#late());
    } catch (error) {
      const fault = faultOf(error, describeAddress(address));
      link.close(fault);
      throw fault;
    }
    link.#beat();
    return link;
  }

  get isOpen(): boolean {
    return this.#cause === undefined;
  }

  /** Resolves with the cause when the connection has ended. */
  get ended(): Promise<Error> {
    return this.#ending.promise;
  }

  /** Runs a command; `deadline` is absolute. Rejects with a {@link RedisFault}. */
  async run({ script, words }: RedisCommand, deadline: number): Promise<Reply> {
    if (script === undefined) return this.#send(words, deadline);
    try {
      return await this.#send(['EVALSHA', script.digest, ...words], deadline);
    } catch (error) {
      if (!(error instanceof RedisFault) || error.reply !== 'NOSCRIPT') throw error;
      return await this.#send(['EVAL', script.source, ...words], deadline);
    }
  }

  /** As {@link run}, on a node that takes over the slot and was named by the one that gives it away. */
  runAsking(command: RedisCommand, deadline: number): Promise<Reply> {
    // Both leave in one write, so that no other command comes between them.
    this.#send(['ASKING'], deadline).catch(() => undefined);
    const { script, words } = command;
    return this.#send(script === undefined ? words : ['EVAL', script.source, ...words], deadline);
  }

  /** Resolves when the server has confirmed; harmless when subscribed already. */
  subscribe(channel: string, hear: (message: Buffer) => void): Promise<void> {
    const before = this.#channels.get(channel);
    if (before !== undefined) return before;
    const confirmed = within(this.#clock, this.#deadlineMs, this.#client.subscribe(channel, hear, true), () => {
      const fault = this.#late();
      this.close(fault);
      return fault;
    }).catch((error: unknown) => {
      this.#channels.delete(channel);
      throw faultOf(error, this.#where());
    });
    this.#channels.set(channel, confirmed);
    return confirmed;
  }

  async unsubscribe(channel: string): Promise<void> {
    if (!this.#channels.delete(channel) || !this.isOpen) return;
    await within(this.#clock, this.#deadlineMs, this.#client.unsubscribe(channel), () => this.#late());
  }

  close(cause: Error): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#heartbeat?.clear();
    this.#client.destroy();
    this.#ending.resolve(cause);
  }

  async #connect(): Promise<void> {
    await this.#client.connect();
    // A connection that came up after its end was decided on would stay for ever.
    if (!this.isOpen) this.#client.destroy();
    // A server that still loads its data lets everybody in and serves nobody.
    await this.#send(['PING'], this.#clock.now() + this.#deadlineMs);
  }

  #send(words: readonly (string | Buffer)[], deadline: number): Promise<Reply> {
    const heard = this.#heard;
    const ms = Math.max(0, deadline - this.#clock.now());
    const reply = this.#client.sendCommand<Reply>([...words], { typeMapping: BYTES }).then(
      (value) => {
        this.#heard++;
        return value;
      },
      (error: unknown) => {
        const fault = faultOf(error, this.#where());
        if (fault.reply !== '') this.#heard++;
        throw fault;
      },
    );
    return within(this.#clock, ms, reply, () => {
      const fault = this.#late();
      if (heard === this.#heard && ms >= this.#deadlineMs) this.close(fault);
      return fault;
    });
  }

  #beat(): void {
    const heard = this.#heard;
    this.#heartbeat = this.#clock.after(HEARTBEAT_MS, () => {
      this.#beat();
      if (heard === this.#heard) this.#send(['PING'], this.#clock.now() + this.#deadlineMs).catch(() => undefined);
    });
  }

  #where(): string {
    return describeAddress(this.address);
  }

  #late(): RedisFault {
    return new RedisFault('late', `${this.#where()}: no reply within the deadline of ${this.#deadlineMs} ms`);
  }
}

function makeClient(address: RedisAddress, { deadlineMs, username, password, db = 0, tls }: LinkOptions) {
  const socket = { ...address, connectTimeout: deadlineMs, reconnectStrategy: false } as const;
  return createClient({
    RESP: 3,
    name: 'breakwater',
    database: db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    socket: tls === undefined ? socket : { ...socket, ...tls, tls: true },
    disableOfflineQueue: true,
    disableClientInfo: true,
    commandsQueueMaxLength: MOST_IN_FLIGHT,
    // Each command has our own deadline. The client's would be a timer and an AbortSignal each, which nobody ends: it cost as much as the rest of it.
    commandOptions: { timeout: 0 },
    maintNotifications: 'disabled',
  });
}
