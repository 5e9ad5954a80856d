import { GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type {
  FieldChange,
  Fields,
  LeaseState,
  LogBounds,
  LogContent,
  Store,
} from '../../packages/breakwater/src/core/store.ts';
import type { History } from './history.ts';
import type { Network, Place, Way } from './network.ts';
import type { StoreServer } from './store-server.ts';
import type { SimProcess, World } from './world.ts';

/** What a client of the store works with. */
export interface StoreClientDeps {
  readonly world: World;
  readonly network: Network;
  readonly server: StoreServer;
  readonly history: History;
  readonly process: SimProcess;
  readonly place: Place;
}

interface Subscription {
  readonly channel: string;
  readonly hear: (message: Buffer) => void;
  readonly onGap: (() => void) | undefined;
  stop: (() => Promise<void>) | undefined;
}

/** How long an answer of the store is waited for. */
const ANSWER_MS = 2_000;
const RECONNECT_MS = 250;

/**
 * A node's connection to the store. What it asks is answered late; while there is a cut or the store is down it is refused, and whether a change took
 * place is then not known: some were lost on the way there, some on the way back.
 */
export class StoreClient implements Store {
  readonly #deps: StoreClientDeps;
  readonly #there: Way;
  readonly #back: Way;
  readonly #subscriptions = new Set<Subscription>();
  #isClosed = false;

  constructor(deps: StoreClientDeps) {
    this.#deps = deps;
    this.#there = deps.network.way(deps.place, 'store');
    this.#back = deps.network.way('store', deps.place);
    this.#watch();
  }

  get isUp(): boolean {
    return this.#deps.server.isUp && !this.#there.isCut;
  }

  read(key: string): Promise<Fields | undefined> {
    return this.#ask((server) => server.read((store) => store.read(key)));
  }

  write(key: string, change: FieldChange, ttlMs: number): Promise<void> {
    return this.#ask((server) => server.change((store) => store.write(key, change, ttlMs)));
  }

  create(key: string, fields: FieldChange, ttlMs: number): Promise<boolean> {
    return this.#ask((server) => server.change((store) => store.create(key, fields, ttlMs)));
  }

  touch(key: string, ttlMs: number): Promise<boolean> {
    return this.#ask((server) => server.change((store) => store.touch(key, ttlMs)));
  }

  remove(key: string): Promise<boolean> {
    return this.#ask((server) => server.change((store) => store.remove(key)));
  }

  claim(name: string, holder: string, ttlMs: number): Promise<LeaseState> {
    return this.#ask((server) => server.claim(name, holder, ttlMs));
  }

  renew(name: string, lease: LeaseState, ttlMs: number): Promise<boolean> {
    return this.#ask((server) => server.change((store) => store.renew(name, lease, ttlMs)));
  }

  holder(name: string): Promise<LeaseState | undefined> {
    return this.#ask((server) => server.read((store) => store.holder(name)));
  }

  yield(name: string, lease: LeaseState): Promise<void> {
    return this.#ask((server) => server.change((store) => store.yield(name, lease)));
  }

  openLog(key: string, writer: string, note: Buffer, ttlMs: number): Promise<void> {
    const { history, process } = this.#deps;
    return this.#ask((server) => {
      history.logOpened(key, process.name);
      return server.change((store) => store.openLog(key, writer, note, ttlMs));
    });
  }

  append(key: string, writer: string, data: Buffer, bounds: LogBounds): Promise<boolean> {
    return this.#ask((server) =>
      this.#noted(
        key,
        server.change((store) => store.append(key, writer, data, bounds)),
      ),
    );
  }

  endLog(key: string, writer: string, ttlMs: number): Promise<boolean> {
    return this.#ask((server) =>
      this.#noted(
        key,
        server.change((store) => store.endLog(key, writer, ttlMs)),
      ),
    );
  }

  takeLog(key: string, writer: string, ttlMs: number): Promise<LogContent | undefined> {
    const { history, process } = this.#deps;
    return this.#ask((server) => {
      history.logTaken(key, process.name);
      return server.change((store) => store.takeLog(key, writer, ttlMs));
    });
  }

  readLog(key: string): Promise<LogContent | undefined> {
    return this.#ask((server) => server.read((store) => store.readLog(key)));
  }

  publish(channel: string, message: Buffer): Promise<void> {
    return this.#ask((server) => server.read((store) => store.publish(channel, message)));
  }

  async subscribe(channel: string, hear: (message: Buffer) => void, onGap?: () => void): Promise<() => Promise<void>> {
    const subscription: Subscription = { channel, hear, onGap, stop: undefined };
    await this.#ask(() => this.#listen(subscription));
    this.#subscriptions.add(subscription);
    return async () => {
      this.#subscriptions.delete(subscription);
      await subscription.stop?.();
    };
  }

  time(): Promise<number> {
    return this.#ask((server) => server.read((store) => store.time()));
  }

  born(): Promise<number> {
    return this.#ask((server) => server.read((store) => store.born()));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { stop } of this.#subscriptions) await stop?.();
    this.#subscriptions.clear();
  }

  #ask<T>(work: (server: StoreServer) => Promise<T>): Promise<T> {
    const { world, server, process } = this.#deps;
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new GatewayError('store.unavailable', { cause: 'closed' });
      const late = world.later(ANSWER_MS, process, () =>
        reject(new GatewayError('store.unavailable', { cause: 'silent' })),
      );
      const refuse = (): void => {
        late.clear();
        reject(new GatewayError('store.unavailable', { cause: 'refused' }));
      };
      if (this.#there.isCut) return;
      const { generation } = server;
      this.#there.send(undefined, () => {
        if (!server.isUp || server.generation !== generation) return this.#back.send(process, refuse);
        work(server).then(
          (value) => {
            // Lost on the way back: it took place, and nobody here knows.
            if (this.#back.isCut) return;
            this.#back.send(process, () => {
              if (server.generation !== generation) return refuse();
              late.clear();
              resolve(value);
            });
          },
          (error: unknown) => this.#back.send(process, () => reject(error)),
        );
      });
    });
  }

  async #listen(subscription: Subscription): Promise<void> {
    const { server, process } = this.#deps;
    const { generation } = server;
    await subscription.stop?.();
    subscription.stop = await server.store.subscribe(subscription.channel, (message) => {
      if (this.#back.isCut || process.isDead) return;
      this.#back.send(process, () => {
        if (server.generation === generation && this.#subscriptions.has(subscription)) subscription.hear(message);
      });
    });
  }

  async #noted(key: string, work: Promise<boolean>): Promise<boolean> {
    const isDone = await work;
    if (isDone) this.#deps.history.logged(key, this.#deps.process.name);
    return isDone;
  }

  /** Connects anew, and says that news may have been lost. */
  #reconnect(): void {
    const { server, process } = this.#deps;
    if (this.#isClosed || !server.isUp || this.#there.isCut) return;
    for (const subscription of this.#subscriptions)
      void this.#listen(subscription).then(() => this.#back.send(process, () => subscription.onGap?.()));
  }

  #watch(): void {
    const { world, network, server, process, place } = this.#deps;
    const reconnect = (): void => this.#reconnect();
    for (const end of network.cutEnds(place, 'store')) world.at(end + RECONNECT_MS, process, reconnect);
    server.onBack(() => {
      if (!process.isDead && !this.#isClosed) world.later(RECONNECT_MS, process, reconnect);
    });
  }
}
