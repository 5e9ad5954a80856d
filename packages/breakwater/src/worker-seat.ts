import cluster from 'node:cluster';
import type { Logger } from 'pino';

/** What the primary says to a worker. */
export type ToWorker =
  /** The answer to `ready`: its number, from 1, and the secret of a fleet that has none configured. */
  | { readonly kind: 'seat'; readonly index: number; readonly secret: string }
  | { readonly kind: 'ask'; readonly id: number; readonly what: 'metrics' | 'status' }
  | { readonly kind: 'stop' };

/** What a worker says to the primary. */
export type FromWorker =
  /** It hears what is said from now on; what was said before is lost. */
  | { readonly kind: 'ready' }
  /** It cannot serve, and ends. */
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'listening'; readonly address: ListenAddress }
  | { readonly kind: 'told'; readonly id: number; readonly value: unknown };

/** Where a gateway listens. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** The port that sends plain HTTP to https, if there is one. */
  readonly redirectPort: number | undefined;
}

/** What the primary may ask. */
export interface WorkerFacts {
  readonly address: ListenAddress;
  metrics(): string;
  status(): object;
}

/** This process as one of several workers. */
export class WorkerSeat {
  readonly index: number;
  /** What nodes of this machine trust each other by, when no secret is configured. */
  readonly secret: string;
  /** Resolves when the primary says so or is gone. */
  readonly #released: Promise<string>;

  constructor(index: number, secret: string) {
    this.index = index;
    this.secret = secret;
    // From the first moment on: it may be said while this worker starts.
    this.#released = new Promise((resolve) => {
      process.on('disconnect', () => resolve('the primary is gone'));
      process.on('message', (message: ToWorker) => {
        if (message.kind === 'stop') resolve('stop');
      });
    });
  }

  /** Takes the seat that the primary offers; undefined in a process that is no worker. */
  static async take(): Promise<WorkerSeat | undefined> {
    if (!cluster.isWorker) return undefined;
    return await new Promise((resolve) => {
      const hear = (message: ToWorker): void => {
        if (message.kind !== 'seat') return;
        process.off('message', hear);
        resolve(new WorkerSeat(message.index, message.secret));
      };
      process.on('message', hear);
      tell({ kind: 'ready' });
    });
  }

  /** Tells the primary why this worker cannot serve. */
  giveUp(reason: string): void {
    tell({ kind: 'failed', reason });
  }

  /** Tells the primary that this worker serves, and answers what it asks from now on. */
  serve(facts: WorkerFacts): void {
    process.on('message', (message: ToWorker) => {
      if (message.kind !== 'ask') return;
      const value = message.what === 'metrics' ? facts.metrics() : facts.status();
      tell({ kind: 'told', id: message.id, value });
    });
    tell({ kind: 'listening', address: facts.address });
  }

  /** Resolves when the primary says so or is gone, or somebody ends this process alone. */
  async untilStopped(log: Logger): Promise<void> {
    // A terminal sends its interrupt to every process of the group; the primary says what follows from it.
    process.on('SIGINT', () => undefined);
    const ended = new Promise<string>((resolve) => process.on('SIGTERM', () => resolve('SIGTERM')));
    const reason = await Promise.race([this.#released, ended]);
    log.info({ worker: this.index, reason }, 'stopping; requests may finish');
  }

  /** Lets go of the primary: the process may end. */
  leave(): void {
    cluster.worker?.disconnect();
  }
}

function tell(message: FromWorker): void {
  // The primary may be gone at any moment; then this worker ends, too.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}
