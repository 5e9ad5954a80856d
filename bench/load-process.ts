import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child.ts';
import type { LoadCommand, LoadResult } from './load-commands.ts';

/** What a command may take beyond its warm-up and window: handshakes, closing, and one silent exchange. */
const SLACK_MS = 30_000;

/** The load generator, as the runner sees it: one command at a time. */
export class LoadProcess {
  readonly #core: number | undefined;
  #child: Child | undefined;

  /** The process starts with the first command, on this core, or on any. */
  constructor(core?: number) {
    this.#core = core;
  }

  /**
   * Runs one command. Rejects when the process ends or the command takes 30 s longer than it should; the next command then gets
   * a fresh process, so that a late result is never taken for another's.
   */
  async run(command: LoadCommand): Promise<LoadResult> {
    this.#child ??= startLoad(this.#core);
    const child = this.#child;
    try {
      return await sendCommand(child, command);
    } catch (error) {
      this.#child = undefined;
      await child.stop();
      throw error;
    }
  }

  /** Ends the process; the next command starts another one. */
  async stop(): Promise<void> {
    await this.#child?.stop();
    this.#child = undefined;
  }
}

function startLoad(core: number | undefined): Child {
  const args = [fileURLToPath(new URL('./load.ts', import.meta.url))];
  const child = startChild({ args, ...(core !== undefined && { core }), ipc: true });
  child.process.stderr?.pipe(process.stderr);
  child.process.stdout?.resume();
  return child;
}

function sendCommand(load: Child, command: LoadCommand): Promise<LoadResult> {
  const child = load.process;
  return new Promise((resolve, reject) => {
    const limitMs = command.warmupMs + command.windowMs + SLACK_MS;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
      settle();
    };
    const onMessage = (result: unknown): void => finish(() => resolve(result as LoadResult));
    const onExit = (): void => finish(() => reject(new Error('the load generator ended')));
    const timer = setTimeout(() => finish(() => reject(new Error(`no result after ${limitMs} ms`))), limitMs);
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.send(command, (error) => {
      if (error) finish(() => reject(error));
    });
  });
}
