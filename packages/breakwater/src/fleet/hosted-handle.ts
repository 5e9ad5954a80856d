import { GatewayError } from '../core/errors.ts';
import { CALLER_LOST } from '../core/fleet.ts';
import type { Handle, Lease, ServerQuestion } from '../core/ports.ts';
import { RpcCode } from '../jsonrpc/message.ts';
import type { ServerFacts } from '../protocol/capabilities.ts';
import type { FrameLink } from './frame-link.ts';
import { type Frame, type FrameToWrite, FrameType } from './frames.ts';
import {
  factsOf,
  questionOf,
  readAnswer,
  readCall,
  text,
  writeChange,
  writeFacts,
  writeNotification,
  writeOutcome,
  writeProgress,
  writeQuestion,
} from './handle-protocol.ts';
import { HostedCall } from './hosted-call.ts';
import { HostedWatches } from './hosted-watches.ts';

/** Bytes that may wait for a borrower that does not read, before it is given up. Calls stand still long before; what other callers keep going does not. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;

const LOST = { code: RpcCode.internalError, message: 'Client cannot be reached any more' };

/** A handle of this node as one other node uses it. */
export class HostedHandle {
  readonly #lease: Lease;
  readonly #handle: Handle;
  readonly #link: FrameLink;
  readonly #calls = new Map<number, HostedCall>();
  readonly #questions = new Map<number, ServerQuestion>();
  readonly #watches: HostedWatches;
  readonly #listeners: (() => void)[];
  #stopTaking: (() => void) | undefined;
  #nextQuestion = 1;
  /** The newest call that was begun: what the borrower sent after it was never made. */
  #lastCall = 0;
  #isFull = false;
  #isRetired = false;
  #onQuiet: (() => void) | undefined;
  #toldServer: ServerFacts;

  constructor(lease: Lease, link: FrameLink) {
    this.#lease = lease;
    this.#link = link;
    const { handle } = lease;
    this.#handle = handle;
    this.#watches = new HostedWatches(handle);
    this.#toldServer = handle.server;
    this.#send(writeFacts(FrameType.opened, factsOf(handle)));
    this.#listeners = [
      handle.onChange((change) => this.#send(writeChange(change))),
      handle.onPage((id) => this.#send({ type: FrameType.page, head: { id } })),
      handle.onProgress((token, params) => this.#send(writeProgress(token, params))),
      handle.onEnd((reason) => this.#onEnd(reason)),
    ];
  }

  /** Takes a frame of the borrower's. Throws when it makes no sense. */
  take(frame: Frame): void {
    const { type, call: id, head } = frame;
    const call = this.#calls.get(id);
    switch (type) {
      case FrameType.call:
        return this.#start(frame);
      case FrameType.cancel:
        this.#calls.delete(id);
        call?.cancel(text(head['reason']));
        return this.#noteQuiet();
      case FrameType.pause:
        return call?.setClientFull(true);
      case FrameType.resume:
        return call?.setClientFull(false);
      case FrameType.suspended:
        if (call !== undefined) call.isSuspended = head['is'] === true;
        return;
      case FrameType.answer:
        return this.#answer(frame);
      case FrameType.takesQuestions:
        return this.#setTaking(head['is'] === true);
      case FrameType.openFeed:
        return this.#reply(id, this.#handle.openFeed());
      case FrameType.watch:
      case FrameType.watchTask:
        return this.#reply(id, this.#watches.add(type === FrameType.watchTask, text(head['subject'])));
      case FrameType.unwatch:
      case FrameType.unwatchTask:
        return this.#reply(id, this.#watches.remove(type === FrameType.unwatchTask, text(head['subject'])));
      default: // A newer node may say more.
    }
  }

  /** Takes no more calls: whoever borrows it finds its next owner. Resolves when those it has are done. */
  retire(): Promise<void> {
    this.#isRetired = true;
    this.#send({ type: FrameType.retired, head: { last: this.#lastCall } });
    return new Promise((resolve) => {
      this.#onQuiet = resolve;
      this.#noteQuiet();
    });
  }

  setLinkFull(isFull: boolean): void {
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    for (const call of this.#calls.values()) call.setLinkFull(isFull);
  }

  /** The borrower is gone: what it began ends, and nobody hears of it. */
  release(): void {
    for (const stop of this.#listeners) stop();
    this.#stopTaking?.();
    for (const call of this.#calls.values()) call.cancel(CALLER_LOST);
    this.#calls.clear();
    this.#noteQuiet();
    for (const question of this.#questions.values()) question.answer({ error: LOST });
    this.#questions.clear();
    this.#watches.removeAll();
    this.#lease.release();
  }

  #start(frame: Frame): void {
    const id = frame.call;
    if (this.#isRetired) {
      const error = new GatewayError('fleet.owner-gone');
      this.#send(writeOutcome(id, { kind: 'failed', error }, undefined));
      return;
    }
    this.#lastCall = id;
    // A process that was stopped finds calls waiting that were given up long ago.
    if (this.#lease.isHeld === false) {
      const error = new GatewayError('store.unavailable');
      this.#send(writeOutcome(id, { kind: 'failed', error }, undefined));
      return;
    }
    let isDone = false;
    const call = new HostedCall(
      this.#lease,
      readCall(frame),
      {
        notify: (notification) => {
          this.#send(writeNotification(id, notification));
          if (this.#link.waitingBytes > MAX_WAITING_BYTES) this.#link.end('it reads too slowly');
        },
        ask: (question) => this.#ask(id, question),
        done: (outcome) => {
          isDone = true;
          const token = this.#calls.get(id)?.token;
          this.#calls.delete(id);
          this.#tellFacts();
          this.#send(writeOutcome(id, outcome, token));
          this.#noteQuiet();
        },
      },
      this.#isFull,
    );
    if (!isDone) this.#calls.set(id, call);
  }

  #ask(call: number, question: ServerQuestion): void {
    const id = this.#nextQuestion++;
    this.#questions.set(id, question);
    question.onWithdrawn(() => {
      if (this.#questions.delete(id)) this.#send({ type: FrameType.withdrawn, head: { question: id } });
    });
    this.#send(writeQuestion(call, id, question));
  }

  #answer(frame: Frame): void {
    const id = questionOf(frame);
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    question?.answer(readAnswer(frame));
  }

  #setTaking(isTaking: boolean): void {
    if (isTaking === (this.#stopTaking !== undefined)) return;
    this.#stopTaking?.();
    this.#stopTaking = isTaking
      ? this.#handle.onQuestion((question) => {
          this.#ask(0, question);
          return true;
        })
      : undefined;
  }

  #reply(call: number, work: Promise<boolean>): void {
    const tell = (is: boolean): void => this.#send({ type: FrameType.reply, call, head: { is } });
    work.then(tell, () => tell(false));
  }

  #noteQuiet(): void {
    if (this.#calls.size === 0) this.#onQuiet?.();
  }

  // A server behind a session that was renewed may have other facts.
  #tellFacts(): void {
    if (this.#handle.server === this.#toldServer) return;
    this.#toldServer = this.#handle.server;
    this.#send(writeFacts(FrameType.facts, factsOf(this.#handle)));
  }

  #onEnd(reason: string): void {
    this.#send({ type: FrameType.end, head: { reason, last: this.#lastCall } });
    this.#link.end(reason, { flush: true });
  }

  #send(frame: FrameToWrite): void {
    if (!this.#link.send(frame)) this.setLinkFull(true);
  }
}
