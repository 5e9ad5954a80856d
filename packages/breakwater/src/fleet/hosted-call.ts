import type { CallControl, CallSink, Lease, UpstreamCall } from '../core/ports.ts';

/** One call that is made for another node: it stands still while that node's client, or the link to that node, cannot take more. */
export class HostedCall {
  isSuspended = false;
  readonly #control: CallControl;
  #isClientFull = false;
  #isLinkFull: boolean;
  #isPaused = false;

  constructor(lease: Lease, call: UpstreamCall, sink: Omit<CallSink, 'suspended' | 'isHeld'>, isLinkFull: boolean) {
    this.#isLinkFull = isLinkFull;
    const hosted = this;
    this.#control = lease.handle.call(call, {
      ...sink,
      get isHeld() {
        return lease.isHeld !== false;
      },
      get suspended() {
        return hosted.isSuspended;
      },
    });
    this.#apply();
  }

  /** See {@link CallControl.token}. */
  get token(): string | undefined {
    return this.#control.token;
  }

  cancel(reason: string): void {
    this.#control.cancel(reason);
  }

  setClientFull(isFull: boolean): void {
    this.#isClientFull = isFull;
    this.#apply();
  }

  setLinkFull(isFull: boolean): void {
    this.#isLinkFull = isFull;
    this.#apply();
  }

  #apply(): void {
    const isPaused = this.#isClientFull || this.#isLinkFull;
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#control.pause();
    else this.#control.resume();
  }
}
