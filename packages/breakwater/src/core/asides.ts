import { RpcCode } from '../jsonrpc/message.ts';
import { scanObject } from '../jsonrpc/raw.ts';
import { abandonQuestion } from '../protocol/bridge/questions/answer.ts';
import { bridgeAnswer } from '../protocol/bridge/questions/answer-form.ts';
import { bridgeQuestion } from '../protocol/bridge/questions/question-form.ts';
import { renameTask } from '../protocol/bridge/tasks/task-id.ts';
import { eraOf } from '../protocol/revision.ts';
import { unreachable } from './asking.ts';
import type { Exchange } from './exchange.ts';
import type { AskControl, ClientFacts, Clock, Handle, ServerQuestion, SessionAside, Timer } from './ports.ts';
import type { TaskBook } from './task-book.ts';
import type { TaskAsker } from './task-name.ts';

/** What {@link Asides} work with. */
export interface AsidesDeps {
  readonly clock: Clock;
  readonly tasks: TaskBook;
}

/** A legacy session that uses a handle. */
interface User {
  readonly asker: TaskAsker;
  readonly client: ClientFacts;
  readonly aside: SessionAside;
  readonly stop: () => void;
}

/** Who uses one handle, and what its server has asked them outside of any request. */
interface Table {
  readonly upstream: string;
  readonly principal: string;
  readonly users: Map<string, User>;
  /** Somebody else uses it, too, who cannot be told apart or cannot be asked: then nobody is asked. */
  mixed: boolean;
  readonly open: Set<() => void>;
}

/** How long a client has to open the stream on which it can be asked (eras.md §2.3). */
const STREAM_MS = 5_000;
/** Questions that one session is asked at one time outside of its requests. */
const MAX_OPEN = 16;

/**
 * Questions that legacy servers ask outside of any request, for the one legacy session that their handle belongs to (eras.md §2.6). A handle that also
 * serves anybody else is never a way to ask anybody.
 */
export class Asides {
  readonly #deps: AsidesDeps;
  readonly #tables = new Map<string, Table>();

  constructor(deps: AsidesDeps) {
    this.#deps = deps;
  }

  /** Takes note of who uses a legacy handle; `aside` is the way to its session. `answerMs`: how long its client may take to answer. */
  attach(handle: Handle, exchange: Exchange, aside: SessionAside | undefined, answerMs: number): void {
    const table = this.#tables.get(handle.id) ?? this.#listen(handle, exchange, answerMs);
    const { sessionId, client, principal } = exchange;
    // Attack: a handle that serves two people. One of them could be shown, and could answer, what is asked of the other.
    const isAlike = principal.key === table.principal && eraOf(client.revision) === 'legacy';
    if (!isAlike || sessionId === undefined || aside === undefined) table.mixed = true;
    else if (!table.users.has(sessionId)) {
      const leave = (): void => {
        table.users.delete(sessionId);
        // With the session its questions end; what a later one is asked is its own.
        for (const end of [...table.open]) end();
      };
      table.users.set(sessionId, { asker: { principal, sessionId }, client, aside, stop: aside.onEnd(leave) });
    }
  }

  #listen(handle: Handle, { principal }: Exchange, answerMs: number): Table {
    const { upstream } = handle;
    const table: Table = { upstream, principal: principal.key, users: new Map(), mixed: false, open: new Set() };
    this.#tables.set(handle.id, table);
    handle.onQuestion((question) => this.#take(table, question, answerMs));
    handle.onEnd(() => {
      this.#tables.delete(handle.id);
      for (const end of [...table.open]) end();
      for (const { stop } of table.users.values()) stop();
    });
    return table;
  }

  #take(table: Table, question: ServerQuestion, answerMs: number): boolean {
    const [user, other] = table.users.values();
    if (table.mixed || user === undefined || other !== undefined) return false;
    if (table.open.size >= MAX_OPEN) {
      question.answer({ error: { code: RpcCode.internalError, message: 'Too many open questions' } });
      return true;
    }
    const { upstream } = table;
    const aside = new AsideQuestion({ ...this.#deps, question, user, answerMs, upstream });
    const end = (): void => aside.end();
    table.open.add(end);
    aside.start(() => table.open.delete(end));
    return true;
  }
}

interface AsideInit extends AsidesDeps {
  readonly question: ServerQuestion;
  readonly user: User;
  readonly upstream: string;
  readonly answerMs: number;
}

/** One question on its way to a session and back. */
class AsideQuestion {
  readonly #init: AsideInit;
  #asked: AskControl | undefined;
  #timer: Timer | undefined;
  #stopWaiting: (() => void) | undefined;
  #onOver: (() => void) | undefined;
  #isOver = false;

  constructor(init: AsideInit) {
    this.#init = init;
  }

  start(onOver: () => void): void {
    this.#onOver = onOver;
    const { question, user, clock } = this.#init;
    question.onWithdrawn(() => this.#settle(undefined, 'The server withdrew the question.'));
    if (this.#isOver || this.#ask()) return;
    this.#stopWaiting = user.aside.onceReadable(() => {
      if (!this.#ask()) this.#settle(unreachable(question.method));
    });
    this.#timer = clock.after(STREAM_MS, () => this.#settle(unreachable(question.method)));
  }

  /** The session or the handle ended. */
  end(): void {
    const error = { code: RpcCode.internalError, message: 'The client that was asked is gone.' };
    this.#settle({ error }, 'Nobody waits for the answer any more.');
  }

  /** False when the client reads no stream now. */
  #ask(): boolean {
    const { question, user, clock, answerMs } = this.#init;
    const { method, revision: from } = question;
    const { client } = user;
    const params = this.#params;
    const bridged = bridgeQuestion({ method, params, from, to: client.revision, profile: client.profile });
    if (!bridged.ok) {
      this.#settle(bridged.answer);
      return true;
    }
    this.#asked = user.aside.ask(bridged.method, bridged.params, (answer) =>
      this.#settle(bridgeAnswer({ method, answer, from: client.revision, to: from })),
    );
    if (this.#asked === undefined) return false;
    this.#stopWaiting?.();
    this.#timer?.clear();
    this.#timer = clock.after(answerMs, () =>
      this.#settle(abandonQuestion(method, 'Nobody answered in time.'), 'Nobody answered in time.'),
    );
    return true;
  }

  // A task that the question names has another name for the client.
  get #params(): ServerQuestion['params'] {
    const { question, user, tasks, upstream } = this.#init;
    const { params } = question;
    if (params === undefined) return undefined;
    return scanObject(renameTask(params, (id) => tasks.nameOf(user.asker, { upstream, id })) ?? Buffer.alloc(0));
  }

  #settle(answer: Parameters<ServerQuestion['answer']>[0] | undefined, reason?: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.clear();
    this.#stopWaiting?.();
    if (reason !== undefined) this.#asked?.withdraw(reason);
    if (answer !== undefined) this.#init.question.answer(answer);
    this.#onOver?.();
  }
}
