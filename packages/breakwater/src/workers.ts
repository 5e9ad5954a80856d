import cluster, { type Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { joinMetrics } from './admin/label-metrics.ts';
import { type AdminServer, serveAdmin } from './admin/server.ts';
import { steadyClock, systemClock } from './clock.ts';
import type { ResolvedConfig } from './config/secrets.ts';
import { MemoryStore } from './store/memory.ts';
import { PipeStoreServer } from './store/pipe-server.ts';
import { untilStopped } from './until-stopped.ts';
import type { FromWorker, ListenAddress, ToWorker } from './worker-seat.ts';

/** Where the workers listen. */
export interface WorkersAddress {
  readonly address: ListenAddress;
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined;
}

/** Pause before a worker that died is replaced; doubled each time it dies young. */
const MIN_RESTART_MS = 500;
const MAX_RESTART_MS = 30_000;
/** A worker that lived this long has proved itself. */
const YOUNG_MS = 60_000;
/** How long workers may take to end beyond their drain time before they are killed. */
const LAST_WORDS_MS = 10_000;
/** How long a worker may take to tell its metrics. */
const ASK_MS = 2_000;

/** What the primary keeps of one worker's place, whichever process sits in it. */
interface Place {
  readonly index: number;
  worker: Worker | undefined;
  startedAt: number;
  restartMs: number;
}

/**
 * Runs `config.workers` processes of this program that share its port: each is a node of a fleet. Without a `store` the primary keeps one in memory for
 * them. `onListening` is called once, when all of them serve. Resolves to the exit code, when all have ended.
 */
export async function runWorkers(
  config: ResolvedConfig,
  log: Logger,
  onListening: (where: WorkersAddress) => void,
): Promise<number> {
  const primary = new Primary(config, log);
  return await primary.run(onListening);
}

class Primary {
  readonly #config: ResolvedConfig;
  readonly #log: Logger;
  readonly #secret = randomBytes(48).toString('base64');
  readonly #store: PipeStoreServer | undefined;
  readonly #places: Place[];
  readonly #asked = new Map<number, (value: unknown) => void>();
  readonly #failed = Promise.withResolvers<number>();
  readonly #stopped = Promise.withResolvers<void>();
  #lastAsked = 0;
  #hasStarted = false;
  #hasComplained = false;
  #isStopping = false;

  constructor(config: ResolvedConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
    // What is kept ends by this clock: somebody who sets the machine's must not end it all.
    this.#store = config.store === undefined ? new PipeStoreServer(new MemoryStore(steadyClock)) : undefined;
    this.#places = Array.from({ length: config.workers }, (_, at) => ({
      index: at + 1,
      worker: undefined,
      startedAt: 0,
      restartMs: MIN_RESTART_MS,
    }));
  }

  async run(onListening: (where: WorkersAddress) => void): Promise<number> {
    cluster.setupPrimary({ serialization: 'advanced' });
    const listening = Promise.all(this.#places.map((place) => this.#start(place)));
    const stopped = untilStopped(this.#log);
    let admin: AdminServer | undefined;
    const started = listening.then(async ([address]) => {
      this.#hasStarted = true;
      if (this.#config.admin !== undefined) {
        admin = await serveAdmin(this.#config.admin, { metrics: () => this.#metrics(), status: () => this.#status() });
      }
      if (address !== undefined) onListening({ address, adminAddress: admin?.address });
    });
    const code = await Promise.race([
      stopped.then(() => 0),
      this.#failed.promise,
      started.then(
        () => stopped.then(() => 0),
        (error: unknown) => {
          this.#log.error({ error }, 'The admin port could not be opened.');
          return 1;
        },
      ),
    ]);
    await this.#stop();
    await admin?.close();
    await this.#store?.close();
    return code;
  }

  /** Starts a worker and resolves with where it listens. */
  #start(place: Place): Promise<WorkersAddress['address']> {
    const { promise, resolve } = Promise.withResolvers<WorkersAddress['address']>();
    const worker = cluster.fork();
    place.worker = worker;
    place.startedAt = systemClock.now();
    let hasListened = false;
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'ready') {
        this.#store?.attach(worker);
        send(worker, { kind: 'seat', index: place.index, secret: this.#secret });
        // Before it was ready it heard nothing.
        if (this.#isStopping) send(worker, { kind: 'stop' });
      } else if (message.kind === 'listening') {
        hasListened = true;
        resolve(message.address);
      } else if (message.kind === 'failed') this.#complain(place, message.reason);
      else if (message.kind === 'told') this.#asked.get(message.id)?.(message.value);
    });
    worker.on('exit', (code, signal) => {
      this.#store?.detach(worker);
      place.worker = undefined;
      if (this.#isStopping) return;
      this.#log.error({ worker: place.index, code, signal }, 'A worker ended.');
      // Who never served will not serve the next time either: a port that is taken, a certificate that cannot be read.
      // Once all have served, what fails is a replacement: the others are well, and it is tried again.
      if (!hasListened && !this.#hasStarted && code !== null && code !== 0) this.#failed.resolve(code);
      else this.#replace(place);
    });
    return promise;
  }

  // What keeps one from starting keeps all.
  #complain(place: Place, reason: string): void {
    if (this.#hasStarted) this.#log.error({ worker: place.index, reason }, 'A worker cannot start.');
    else if (!this.#hasComplained) process.stderr.write(`breakwater: ${reason}\n`);
    this.#hasComplained = true;
  }

  #replace(place: Place): void {
    const isYoung = systemClock.now() - place.startedAt < YOUNG_MS;
    place.restartMs = isYoung ? Math.min(place.restartMs * 2, MAX_RESTART_MS) : MIN_RESTART_MS;
    const timer = setTimeout(() => {
      if (!this.#isStopping) void this.#start(place);
    }, place.restartMs);
    // With every worker gone this timer is all there is to wait for, unless the program stops.
    void this.#stopped.promise.then(() => clearTimeout(timer));
  }

  async #stop(): Promise<void> {
    this.#isStopping = true;
    this.#stopped.resolve();
    const running = this.#places.map(({ worker }) => worker).filter((worker) => worker !== undefined);
    const ended = running.map((worker) => new Promise<void>((resolve) => worker.once('exit', () => resolve())));
    for (const worker of running) send(worker, { kind: 'stop' });
    const cut = setTimeout(() => {
      for (const worker of running) worker.process.kill('SIGKILL');
    }, this.#config.timeouts.drainMs + LAST_WORDS_MS);
    await Promise.all(ended);
    clearTimeout(cut);
  }

  async #metrics(): Promise<string> {
    const told = await this.#askAll('metrics');
    return joinMetrics('worker', new Map([...told].map(([index, text]) => [index, String(text)])));
  }

  async #status(): Promise<object> {
    return { workers: Object.fromEntries(await this.#askAll('status')) };
  }

  async #askAll(what: 'metrics' | 'status'): Promise<ReadonlyMap<string, unknown>> {
    const told = await Promise.all(
      this.#places.map(async ({ index, worker }) => {
        const value = worker === undefined ? undefined : await this.#ask(worker, what);
        return [String(index), value] as const;
      }),
    );
    return new Map(told.filter(([, value]) => value !== undefined));
  }

  /** What a worker says; undefined when it says nothing in time. */
  #ask(worker: Worker, what: 'metrics' | 'status'): Promise<unknown> {
    const id = ++this.#lastAsked;
    return new Promise((resolve) => {
      const settle = (value: unknown): void => {
        clearTimeout(patience);
        this.#asked.delete(id);
        resolve(value);
      };
      const patience = setTimeout(() => settle(undefined), ASK_MS);
      this.#asked.set(id, settle);
      send(worker, { kind: 'ask', id, what });
    });
  }
}

function send(worker: Worker, message: ToWorker): void {
  // A worker that is just ending has no channel any more; its exit says the rest.
  if (worker.isConnected()) worker.send(message, () => undefined);
}
