import { GatewayError } from '../core/errors.ts';
import type { BorrowBounds, BorrowedHandle } from '../core/fleet.ts';
import type {
  CallControl,
  CallSink,
  Clock,
  Outcome,
  ServerChange,
  ServerQuestion,
  Timer,
  UpstreamCall,
} from '../core/ports.ts';
import { RpcCode } from '../jsonrpc/message.ts';
import type { RawObject } from '../jsonrpc/raw.ts';
import type { ServerFacts } from '../protocol/capabilities.ts';
import type { Revision } from '../protocol/revision.ts';
import { FrameLink, type PeerStream } from './frame-link.ts';
import { type Frame, type FrameToWrite, FrameType } from './frames.ts';
import {
  type HandleFacts,
  type OpenRequest,
  optionalText,
  questionOf,
  readChange,
  readError,
  readFacts,
  readOutcome,
  readProgress,
  text,
  writeCall,
  writeOpen,
} from './handle-protocol.ts';
import { RemoteCall, RemoteQuestions } from './remote-call.ts';

/** How often it is looked whether the clients of calls that were asked something have gone away or come back; nothing tells. */
const SUSPENDED_POLL_MS = 100;
const NOBODY = { code: RpcCode.methodNotFound, message: 'Client cannot be asked outside a request' };

/** Opens another node's handle over a stream to it. Rejects as `Claim.borrow` says, and then leaves no stream behind. */
export function openRemoteHandle(
  stream: PeerStream,
  clock: Clock,
  request: OpenRequest,
  bounds: BorrowBounds,
): Promise<BorrowedHandle> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      timer.clear();
      bounds.signal.removeEventListener('abort', onAbort);
    };
    const giveUp = (code: 'upstream.timeout' | 'upstream.unavailable'): void => {
      settle();
      void handle.close('nobody waits for it');
      reject(new GatewayError(code));
    };
    const onAbort = (): void => giveUp('upstream.unavailable');
    const timer = clock.after(Math.max(0, bounds.deadline - clock.now()), () => giveUp('upstream.timeout'));
    const handle = new RemoteHandle(stream, clock, request, bounds.handleId, (error) => {
      settle();
      if (error === undefined) resolve(handle);
      else reject(error);
    });
    bounds.signal.addEventListener('abort', onAbort);
    if (bounds.signal.aborted) onAbort();
  });
}

/** Another node's handle. What is done with it is done there; when that node is lost, its calls are, and are never made again. */
class RemoteHandle implements BorrowedHandle {
  readonly id: string;
  readonly upstream: string;
  readonly #clock: Clock;
  readonly #link: FrameLink;
  readonly #questions: RemoteQuestions;
  readonly #onSettled: (error?: GatewayError) => void;
  readonly #calls = new Map<number, RemoteCall>();
  readonly #replies = new Map<number, (value: boolean) => void>();
  readonly #changeListeners = new Set<(change: ServerChange) => void>();
  readonly #pageListeners = new Set<(elicitationId: string) => void>();
  readonly #questionListeners = new Set<(question: ServerQuestion) => boolean>();
  readonly #progressListeners = new Set<(token: string, params: RawObject) => void>();
  readonly #endListeners = new Set<(reason: string) => void>();
  readonly #retireListeners = new Set<() => void>();
  #facts: HandleFacts | undefined;
  #nextId = 1;
  #poll: Timer | undefined;
  #ended: string | undefined;

  constructor(
    stream: PeerStream,
    clock: Clock,
    request: OpenRequest,
    id: string,
    onSettled: (error?: GatewayError) => void,
  ) {
    this.id = id;
    this.upstream = request.upstream;
    this.#clock = clock;
    this.#onSettled = onSettled;
    this.#link = new FrameLink(stream, clock, {
      onFrame: (frame) => this.#onFrame(frame),
      onDrain: () => undefined,
      onEnd: (reason) => this.#end(reason, new GatewayError('fleet.node-lost', { cause: reason })),
    });
    this.#questions = new RemoteQuestions(this.#link);
    this.#link.send(writeOpen(request, clock.now()));
  }

  get revision(): Revision {
    return this.#known.revision;
  }

  get server(): ServerFacts {
    return this.#known.server;
  }

  get hasSession(): boolean {
    return this.#known.hasSession;
  }

  call(call: UpstreamCall, sink: CallSink): CallControl {
    if (this.#ended !== undefined) {
      const error = new GatewayError('fleet.owner-gone', { cause: this.#ended });
      queueMicrotask(() => sink.done({ kind: 'failed', error }));
      return { cancel: () => undefined, pause: () => undefined, resume: () => undefined };
    }
    const id = this.#takeId();
    const remote = new RemoteCall(id, this.#link, sink);
    this.#calls.set(id, remote);
    this.#link.send(writeCall(id, call));
    const tell = (frame: FrameToWrite): void => {
      if (this.#calls.has(id)) this.#link.send(frame);
    };
    return {
      get token() {
        return remote.token;
      },
      cancel: (reason) => {
        tell({ type: FrameType.cancel, call: id, head: { reason } });
        this.#calls.delete(id);
      },
      pause: () => tell({ type: FrameType.pause, call: id }),
      resume: () => tell({ type: FrameType.resume, call: id }),
    };
  }

  openFeed(): Promise<boolean> {
    return this.#request(FrameType.openFeed);
  }

  watch(uri: string): Promise<boolean> {
    return this.#request(FrameType.watch, uri);
  }

  async unwatch(uri: string): Promise<void> {
    await this.#request(FrameType.unwatch, uri);
  }

  watchTask(taskId: string): Promise<boolean> {
    return this.#request(FrameType.watchTask, taskId);
  }

  async unwatchTask(taskId: string): Promise<void> {
    await this.#request(FrameType.unwatchTask, taskId);
  }

  onChange(listener: (change: ServerChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => void this.#changeListeners.delete(listener);
  }

  onPage(listener: (elicitationId: string) => void): () => void {
    this.#pageListeners.add(listener);
    return () => void this.#pageListeners.delete(listener);
  }

  onQuestion(listener: (question: ServerQuestion) => boolean): () => void {
    this.#questionListeners.add(listener);
    this.#tellTaking();
    return () => {
      this.#questionListeners.delete(listener);
      this.#tellTaking();
    };
  }

  onProgress(listener: (token: string, params: RawObject) => void): () => void {
    this.#progressListeners.add(listener);
    return () => void this.#progressListeners.delete(listener);
  }

  onEnd(listener: (reason: string) => void): () => void {
    const ended = this.#ended;
    if (ended === undefined) this.#endListeners.add(listener);
    else queueMicrotask(() => listener(ended));
    return () => void this.#endListeners.delete(listener);
  }

  onRetired(listener: () => void): () => void {
    this.#retireListeners.add(listener);
    return () => void this.#retireListeners.delete(listener);
  }

  async close(reason: string): Promise<void> {
    this.#end(reason, new GatewayError('upstream.lost', { cause: reason }));
    this.#link.end(reason);
  }

  get #known(): HandleFacts {
    if (this.#facts === undefined) throw new TypeError('A handle is not used before it is open.');
    return this.#facts;
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId = id >= 0xffff_fffe ? 1 : id + 1;
    return id;
  }

  #request(type: number, subject?: string): Promise<boolean> {
    if (this.#ended !== undefined) return Promise.resolve(false);
    const call = this.#takeId();
    return new Promise((resolve) => {
      this.#replies.set(call, resolve);
      this.#link.send({ type, call, ...(subject !== undefined && { head: { subject } }) });
    });
  }

  #tellTaking(): void {
    this.#link.send({ type: FrameType.takesQuestions, head: { is: this.#questionListeners.size > 0 } });
  }

  #onFrame(frame: Frame): void {
    try {
      this.#take(frame);
    } catch (error) {
      this.#link.end(String(error));
    }
  }

  #take(frame: Frame): void {
    const call = this.#calls.get(frame.call);
    switch (frame.type) {
      case FrameType.opened:
        this.#facts = readFacts(frame);
        return this.#onSettled();
      case FrameType.refused: {
        const error = readError(frame.head);
        return this.#end(error.code, error);
      }
      case FrameType.facts:
        this.#facts = readFacts(frame);
        return;
      case FrameType.notify:
        return call?.notify(frame);
      case FrameType.ask:
        return this.#ask(frame, call);
      case FrameType.withdrawn:
        return this.#questions.withdraw(questionOf(frame));
      case FrameType.done:
        this.#calls.delete(frame.call);
        if (call !== undefined) call.token = optionalText(frame.head['token']);
        return call?.done(readOutcome(frame));
      case FrameType.reply:
        this.#replies.get(frame.call)?.(frame.head['is'] === true);
        this.#replies.delete(frame.call);
        return;
      case FrameType.change: {
        const change = readChange(frame);
        for (const listener of [...this.#changeListeners]) listener(change);
        return;
      }
      case FrameType.page: {
        const id = text(frame.head['id']);
        for (const listener of [...this.#pageListeners]) listener(id);
        return;
      }
      case FrameType.progress: {
        const { token, params } = readProgress(frame);
        for (const listener of [...this.#progressListeners]) listener(token, params);
        return;
      }
      case FrameType.retired:
        for (const listener of [...this.#retireListeners]) listener();
        return;
      case FrameType.end: {
        const reason = text(frame.head['reason']);
        return this.#end(reason, new GatewayError('upstream.lost', { cause: reason }), Number(frame.head['last']));
      }
      default: // A newer node may say more.
    }
  }

  #ask(frame: Frame, call: RemoteCall | undefined): void {
    if (frame.call !== 0) {
      // A call that was cancelled meanwhile is cancelled there too, with its questions.
      call?.ask(this.#questions.take(frame));
      if (call !== undefined) this.#pollSuspended();
      return;
    }
    const question = this.#questions.take(frame);
    const isTaken = [...this.#questionListeners].some((listener) => listener(question));
    if (!isTaken) question.answer({ error: NOBODY });
  }

  #pollSuspended(): void {
    this.#poll ??= this.#clock.after(SUSPENDED_POLL_MS, () => {
      this.#poll = undefined;
      let isAny = false;
      for (const call of this.#calls.values()) {
        if (!call.wasAsked) continue;
        call.tellSuspended();
        isAny = true;
      }
      if (isAny) this.#pollSuspended();
    });
  }

  /** @param last the newest call that the owner has begun, where it said so: the later ones did not run */
  #end(reason: string, error: GatewayError, last = Number.POSITIVE_INFINITY): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#poll?.clear();
    this.#link.end(reason);
    if (this.#facts === undefined) {
      // Not open yet: whoever lost the owner claims anew.
      this.#onSettled(
        error.code === 'fleet.node-lost' ? new GatewayError('fleet.owner-gone', { cause: reason }) : error,
      );
      return;
    }
    this.#questions.withdrawAll();
    const begun: Outcome = { kind: 'failed', error };
    const notBegun: Outcome = { kind: 'failed', error: new GatewayError('fleet.owner-gone', { cause: reason }) };
    const calls = [...this.#calls];
    this.#calls.clear();
    for (const [id, call] of calls) call.done(id > last ? notBegun : begun);
    for (const reply of this.#replies.values()) reply(false);
    this.#replies.clear();
    for (const listener of [...this.#endListeners]) listener(reason);
    this.#endListeners.clear();
    this.#changeListeners.clear();
    this.#pageListeners.clear();
    this.#questionListeners.clear();
    this.#progressListeners.clear();
  }
}
