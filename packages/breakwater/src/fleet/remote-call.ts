import type { CallSink, Outcome, ServerQuestion } from '../core/ports.ts';
import type { FrameLink } from './frame-link.ts';
import { type Frame, FrameType } from './frames.ts';
import { questionOf, type readAnswer, readMessage, writeAnswer } from './handle-protocol.ts';

type Answer = ReturnType<typeof readAnswer>;

/** Questions of another node's server, as somebody here is asked them. */
export class RemoteQuestions {
  readonly #link: FrameLink;
  readonly #open = new Map<number, (() => void)[]>();

  constructor(link: FrameLink) {
    this.#link = link;
  }

  /** The question that a frame brings. */
  take(frame: Frame): ServerQuestion {
    const id = questionOf(frame);
    const onWithdrawn: (() => void)[] = [];
    this.#open.set(id, onWithdrawn);
    return {
      ...readMessage(frame),
      answer: (answer: Answer) => {
        if (this.#open.delete(id)) this.#link.send(writeAnswer(id, answer));
      },
      onWithdrawn: (run) => {
        if (this.#open.get(id) === onWithdrawn) onWithdrawn.push(run);
        else run();
      },
    };
  }

  withdraw(id: number): void {
    const runs = this.#open.get(id) ?? [];
    this.#open.delete(id);
    for (const run of runs) run();
  }

  withdrawAll(): void {
    for (const id of [...this.#open.keys()]) this.withdraw(id);
  }
}

/** One call that another node's handle makes for us. */
export class RemoteCall {
  /** Its server has asked something. */
  wasAsked = false;
  /** The progress token that its server was given, once it has answered. */
  token: string | undefined;
  readonly #id: number;
  readonly #link: FrameLink;
  readonly #sink: CallSink;
  #isSuspended = false;

  constructor(id: number, link: FrameLink, sink: CallSink) {
    this.#id = id;
    this.#link = link;
    this.#sink = sink;
  }

  notify(frame: Frame): void {
    this.#sink.notify(readMessage(frame));
  }

  ask(question: ServerQuestion): void {
    this.wasAsked = true;
    this.#sink.ask(question);
    this.tellSuspended();
  }

  done(outcome: Outcome): void {
    this.#sink.done(outcome);
  }

  /** Tells the owner whether the client is away, where that has changed. */
  tellSuspended(): void {
    const isSuspended = this.#sink.suspended === true;
    if (isSuspended === this.#isSuspended) return;
    this.#isSuspended = isSuspended;
    this.#link.send({ type: FrameType.suspended, call: this.#id, head: { is: isSuspended } });
  }
}
