import { GatewayError } from '../core/errors.ts';
import type { Clock, Lease, Upstream } from '../core/ports.ts';
import { FrameLink, type PeerStream } from './frame-link.ts';
import { type Frame, FrameType } from './frames.ts';
import { errorHead, type OpenRequest, readOpen } from './handle-protocol.ts';
import { HostedHandle } from './hosted-handle.ts';

/** What a host works with. */
export interface HandleHostOptions {
  readonly clock: Clock;
  readonly upstream: (name: string) => Upstream | undefined;
  /** True when this node holds the lease of that handle. */
  readonly holds: (upstream: string, key: string) => boolean;
}

const OPEN_MS = 5_000;

/** Lends this node's handles to other nodes. */
export class HandleHost {
  readonly #options: HandleHostOptions;
  readonly #guests = new Set<Guest>();
  #isDraining = false;

  constructor(options: HandleHostOptions) {
    this.#options = { ...options, holds: (...of) => !this.#isDraining && options.holds(...of) };
  }

  /** Handles that other nodes use now. */
  get lent(): number {
    let lent = 0;
    for (const guest of this.#guests) if (guest.hasHandle) lent++;
    return lent;
  }

  /** Serves one borrower for as long as its stream lives. */
  take(stream: PeerStream): void {
    const guest = new Guest(stream, this.#options, () => this.#guests.delete(guest));
    this.#guests.add(guest);
  }

  /** Lends nothing any more. Resolves when the calls that are made for others are done. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await Promise.all([...this.#guests].map((guest) => guest.retire()));
  }

  close(): void {
    for (const guest of [...this.#guests]) guest.end('closed');
  }
}

/** One borrower: asks first, then has a handle until its stream ends. */
class Guest {
  readonly #options: HandleHostOptions;
  readonly #link: FrameLink;
  #state: 'new' | 'opening' | 'over' = 'new';
  #handle: HostedHandle | undefined;

  constructor(stream: PeerStream, options: HandleHostOptions, onOver: () => void) {
    this.#options = options;
    const timer = options.clock.after(OPEN_MS, () => {
      if (this.#state === 'new') this.end('asked for nothing');
    });
    this.#link = new FrameLink(stream, options.clock, {
      onFrame: (frame) => this.#onFrame(frame),
      onDrain: () => this.#handle?.setLinkFull(false),
      onEnd: () => {
        timer.clear();
        this.#state = 'over';
        this.#handle?.release();
        onOver();
      },
    });
  }

  get hasHandle(): boolean {
    return this.#handle !== undefined && !this.#isOver;
  }

  end(reason: string): void {
    this.#link.end(reason);
  }

  async retire(): Promise<void> {
    await this.#handle?.retire();
  }

  #onFrame(frame: Frame): void {
    try {
      if (this.#handle !== undefined) this.#handle.take(frame);
      else if (this.#state === 'new' && frame.type === FrameType.open)
        void this.#open(readOpen(frame, this.#options.clock.now()));
    } catch (error) {
      this.end(String(error));
    }
  }

  async #open(request: OpenRequest): Promise<void> {
    const { upstream, holds } = this.#options;
    this.#state = 'opening';
    const asked = upstream(request.upstream);
    // Asked by mistake, this node would open a second one beside the owner's.
    if (asked === undefined || !holds(request.upstream, request.key)) {
      this.#refuse(new GatewayError('fleet.owner-gone'));
      return;
    }
    let lease: Lease;
    try {
      lease = await asked.acquire(request.need);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (this.#isOver) lease.release();
    else this.#handle = new HostedHandle(lease, this.#link);
  }

  get #isOver(): boolean {
    return this.#state === 'over';
  }

  #refuse(error: unknown): void {
    this.#link.send({ type: FrameType.refused, head: errorHead(error) });
    this.#link.end('refused', { flush: true });
  }
}
