import { GatewayError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import type { FieldChange, Fields, LeaseState, LogBounds, LogContent, Store } from '../core/store.ts';
import { requireValue } from './record.ts';
import { RedisChannels } from './redis-channels.ts';
import { faultOf, type RedisFault } from './redis-fault.ts';
import { RedisKeys } from './redis-keys.ts';
import type { RedisCommand, Reply } from './redis-link.ts';
import { readContent, readFields, readLease, readTime } from './redis-replies.ts';
import { SCRIPTS, type Script } from './redis-scripts.ts';
import type { RedisTopology } from './redis-topology.ts';
import { pause } from './within.ts';

/** What a {@link RedisStore} is made of. */
export interface RedisStoreParts {
  readonly topology: RedisTopology;
  readonly clock: Clock;
  readonly jitter: () => number;
  readonly prefix: string;
  readonly deadlineMs: number;
}

/** What may be done once more when nobody knows whether it took place: the second time changes nothing that the first did not. */
type Repeat = 'once' | 'repeatable';

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 200;

/**
 * A store in Redis or Valkey. Commands that a server turned away are tried again until the deadline; those that were lost on their way only where
 * that is harmless. Without a connection they are refused at once.
 */
export class RedisStore implements Store {
  readonly #parts: RedisStoreParts;
  readonly #topology: RedisTopology;
  readonly #keys: RedisKeys;
  readonly #channels: RedisChannels;
  #isClosed = false;

  constructor(parts: RedisStoreParts) {
    this.#parts = parts;
    this.#topology = parts.topology;
    this.#keys = new RedisKeys(parts.prefix);
    const { clock, jitter } = parts;
    this.#channels = new RedisChannels({ clock, jitter, dial: () => parts.topology.dial() });
  }

  get isUp(): boolean {
    return !this.#isClosed && this.#topology.isUp;
  }

  async read(key: string): Promise<Fields | undefined> {
    const at = this.#keys.of(key);
    return readFields(await this.#run(at, { words: ['HGETALL', at] }, 'repeatable'));
  }

  async write(key: string, change: FieldChange, ttlMs: number): Promise<void> {
    const set = valuesOf(change);
    const gone = Object.keys(change).filter((field) => change[field] === null);
    const words = [ttl(ttlMs), String(set.length / 2), ...set, ...gone];
    await this.#script(SCRIPTS.write, [this.#keys.of(key)], words, 'repeatable');
  }

  async create(key: string, fields: FieldChange, ttlMs: number): Promise<boolean> {
    requireValue(fields);
    return isOne(await this.#script(SCRIPTS.create, [this.#keys.of(key)], [ttl(ttlMs), ...valuesOf(fields)], 'once'));
  }

  async touch(key: string, ttlMs: number): Promise<boolean> {
    const at = this.#keys.of(key);
    return isOne(await this.#run(at, { words: ['PEXPIRE', at, ttl(ttlMs)] }, 'repeatable'));
  }

  async remove(key: string): Promise<boolean> {
    const at = this.#keys.of(key);
    return isOne(await this.#run(at, { words: ['DEL', at] }, 'once'));
  }

  async claim(name: string, holder: string, ttlMs: number): Promise<LeaseState> {
    const lease = readLease(await this.#lease(SCRIPTS.claim, name, [holder, ttl(ttlMs)]));
    if (lease === undefined)
      throw new GatewayError('gateway.internal', { cause: new Error('a claim without a holder') });
    return lease;
  }

  async renew(name: string, lease: LeaseState, ttlMs: number): Promise<boolean> {
    return isOne(await this.#lease(SCRIPTS.renew, name, [lease.holder, String(lease.epoch), ttl(ttlMs)]));
  }

  async holder(name: string): Promise<LeaseState | undefined> {
    const at = this.#keys.of(name);
    return readLease(await this.#run(at, { words: ['HMGET', at, 'holder', 'epoch'] }, 'repeatable'));
  }

  async yield(name: string, lease: LeaseState): Promise<void> {
    await this.#lease(SCRIPTS.yield, name, [lease.holder, String(lease.epoch)]);
  }

  async openLog(key: string, writer: string, note: Buffer, ttlMs: number): Promise<void> {
    await this.#log(SCRIPTS.openLog, key, [writer, note, ttl(ttlMs)], 'repeatable');
  }

  async append(key: string, writer: string, data: Buffer, bounds: LogBounds): Promise<boolean> {
    const words = [writer, data, String(bounds.entries), String(bounds.bytes), ttl(bounds.ttlMs)];
    return isOne(await this.#log(SCRIPTS.append, key, words, 'once'));
  }

  async endLog(key: string, writer: string, ttlMs: number): Promise<boolean> {
    return isOne(await this.#log(SCRIPTS.endLog, key, [writer, ttl(ttlMs)], 'once'));
  }

  async takeLog(key: string, writer: string, ttlMs: number): Promise<LogContent | undefined> {
    return readContent(await this.#log(SCRIPTS.takeLog, key, [writer, ttl(ttlMs)], 'repeatable'));
  }

  async readLog(key: string): Promise<LogContent | undefined> {
    return readContent(await this.#log(SCRIPTS.readLog, key, [], 'repeatable'));
  }

  async publish(channel: string, message: Buffer): Promise<void> {
    await this.#run(undefined, { words: ['PUBLISH', this.#keys.common(channel), message] }, 'once');
  }

  async subscribe(
    channel: string,
    listener: (message: Buffer) => void,
    onGap?: () => void,
  ): Promise<() => Promise<void>> {
    const deadline = this.#parts.clock.now() + this.#parts.deadlineMs;
    try {
      return await this.#channels.add(this.#keys.common(channel), listener, onGap, deadline);
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Of one server, always the same, as long as it has what it has. */
  async time(): Promise<number> {
    return readTime(await this.#run(this.#keys.common('time'), { words: ['TIME'] }, 'repeatable'));
  }

  /**
   * The youngest of its servers counts, since one of them may have lost its data alone. Those that cannot be reached say nothing: nor was anything found missing
   * on them.
   */
  async born(): Promise<number> {
    const answers = await Promise.allSettled(
      this.#topology.tags().map((tag) => this.#script(SCRIPTS.born, [this.#keys.common(tag)], [], 'repeatable')),
    );
    const times = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [Number(String(answer.value))] : []));
    if (times.length > 0) return Math.max(...times);
    throw unavailable(answers.find((answer) => answer.status === 'rejected')?.reason);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#channels.close();
    this.#topology.close();
  }

  #lease(script: Script, name: string, words: readonly string[]): Promise<Reply> {
    return this.#script(script, [this.#keys.of(name), this.#keys.epoch(name)], words, 'repeatable');
  }

  #log(script: Script, key: string, words: readonly (string | Buffer)[], repeat: Repeat): Promise<Reply> {
    return this.#script(script, [this.#keys.of(key), this.#keys.entries(key)], words, repeat);
  }

  #script(
    script: Script,
    keys: readonly [string, ...string[]],
    words: readonly (string | Buffer)[],
    repeat: Repeat,
  ): Promise<Reply> {
    return this.#run(keys[0], { script, words: [String(keys.length), ...keys, ...words] }, repeat);
  }

  async #run(key: string | undefined, command: RedisCommand, repeat: Repeat): Promise<Reply> {
    const { clock, deadlineMs, jitter } = this.#parts;
    const deadline = clock.now() + deadlineMs;
    for (let longest = FIRST_PAUSE_MS; ; longest = Math.min(longest * 2, LONGEST_PAUSE_MS)) {
      const pauseMs = longest * (0.5 + jitter() / 2);
      try {
        return await this.#topology.run(key, command, deadline);
      } catch (error) {
        if (!mayTryAgain(faultOf(error, 'store'), repeat) || clock.now() + pauseMs >= deadline)
          throw unavailable(error);
      }
      await pause(clock, pauseMs);
    }
  }
}

function mayTryAgain({ kind }: RedisFault, repeat: Repeat): boolean {
  return kind === 'refused' || kind === 'unsent' || (kind === 'lost' && repeat === 'repeatable');
}

function unavailable(cause: unknown): GatewayError {
  return cause instanceof GatewayError ? cause : new GatewayError('store.unavailable', { cause });
}

function isOne(reply: Reply): boolean {
  return reply === 1;
}

function ttl(ms: number): string {
  return String(Math.max(0, Math.ceil(ms)));
}

/** Names and values of what is set, in turn. */
function valuesOf(change: FieldChange): (string | Buffer)[] {
  return Object.entries(change).flatMap(([field, value]) => (value === null ? [] : [field, value]));
}
