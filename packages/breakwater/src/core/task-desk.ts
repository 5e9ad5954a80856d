import { encodeJson, type RawObject, scanObject } from '../jsonrpc/raw.ts';
import { writeObject } from '../protocol/bridge/edits.ts';
import { bridgeAnswer } from '../protocol/bridge/questions/answer-form.ts';
import { readEntries, writeEntries } from '../protocol/bridge/questions/entries.ts';
import { bridgeQuestion } from '../protocol/bridge/questions/question-form.ts';
import { LATEST_MODERN } from '../protocol/revision.ts';
import type { CallControl, ClientFacts, Clock, Lease, ServerQuestion, Timer } from './ports.ts';

/** What a {@link TaskDesk} works with. */
export interface TaskDeskDeps {
  readonly clock: Clock;
  /** The handle on which the task lives; held by whoever made the desk. */
  readonly lease: Lease;
  readonly taskId: string;
  readonly client: ClientFacts;
}

/** How long a server may take to ask, once it is listened to: it said that it waits for an answer. */
const PATIENCE_MS = 2_000;
/** Window in which sibling questions are gathered, as for a parked call. */
const WINDOW_MS = 40;

/**
 * The questions of a 2025-11-25 task for a modern client, who fetches them and brings the answers later: keeps `tasks/result` open at the server,
 * because only there it asks, and holds what it asked.
 */
export class TaskDesk {
  readonly #deps: TaskDeskDeps;
  readonly #open = new Map<string, { readonly question: ServerQuestion; readonly request: Buffer }>();
  readonly #timers = new Set<Timer>();
  #minted = 0;
  #control: CallControl | undefined;
  #onAsked: (() => void) | undefined;
  #asked: Promise<void> | undefined;
  #closed = false;

  constructor(deps: TaskDeskDeps) {
    this.#deps = deps;
  }

  /** What the task waits for now: JSON bytes of `inputRequests`; undefined when it asks nothing that its client can be asked. */
  async questions(): Promise<Buffer | undefined> {
    if (this.#open.size === 0) {
      this.#listen();
      this.#asked ??= this.#await().finally(() => {
        this.#asked = undefined;
      });
    }
    await this.#asked;
    if (this.#open.size === 0) return undefined;
    return writeEntries([...this.#open].map(([key, { request }]) => [key, request]));
  }

  /** Takes a client's `inputResponses`; what answers no open question is ignored. */
  answer(inputResponses: RawObject): void {
    for (const [key, result] of readEntries(inputResponses) ?? []) {
      const open = this.#open.get(key);
      if (open === undefined || !this.#open.delete(key)) continue;
      const { method, revision } = open.question;
      const from = this.#deps.client.revision;
      open.question.answer(bridgeAnswer({ method, answer: { result }, from, to: revision }));
    }
  }

  close(): void {
    this.#closed = true;
    this.#open.clear();
    for (const timer of this.#timers) timer.clear();
    this.#control?.cancel('nobody waits for the task');
    this.#control = undefined;
    this.#onAsked?.();
  }

  #listen(): void {
    if (this.#control !== undefined || this.#closed) return;
    const { lease, taskId, client } = this.#deps;
    const params = scanObject(encodeJson({ taskId }));
    this.#control = lease.handle.call(
      { method: 'tasks/result', params, client, progress: false, logLevel: undefined },
      {
        notify: () => undefined,
        ask: (question) => this.#take(question),
        // The task is over, or the answer was lost: `tasks/get` tells which.
        done: () => {
          this.#control = undefined;
          this.#open.clear();
          this.#onAsked?.();
        },
      },
    );
  }

  #take(question: ServerQuestion): void {
    const { method, params, revision: from } = question;
    const { profile } = this.#deps.client;
    const bridged = bridgeQuestion({ method, params, from, to: LATEST_MODERN, profile });
    if (!bridged.ok) return question.answer(bridged.answer);
    const key = `in${++this.#minted}`;
    const request = writeObject({ method: JSON.stringify(bridged.method), params: bridged.params });
    this.#open.set(key, { question, request });
    question.onWithdrawn(() => this.#open.delete(key));
    this.#onAsked?.();
  }

  async #await(): Promise<void> {
    if (this.#open.size > 0 || this.#closed) return;
    await this.#within(PATIENCE_MS, (resolve) => {
      this.#onAsked = resolve;
    });
    this.#onAsked = undefined;
    if (this.#open.size > 0 && !this.#closed) await this.#within(WINDOW_MS, () => undefined);
  }

  #within(limitMs: number, run: (resolve: () => void) => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#deps.clock.after(limitMs, resolve);
    this.#timers.add(timer);
    run(resolve);
    return promise.finally(() => {
      timer.clear();
      this.#timers.delete(timer);
    });
  }
}
