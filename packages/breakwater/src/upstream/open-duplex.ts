import { GatewayError, isGatewayError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Clock } from '../core/ports.ts';
import { RpcCode } from '../jsonrpc/message.ts';
import { encodeError } from '../jsonrpc/write.ts';
import type { Era } from '../protocol/revision.ts';
import { gatewayInfo } from './announce.ts';
import type { DuplexChannel } from './channel.ts';
import { DuplexHandle } from './duplex-handle.ts';
import { DuplexRpc, type RpcPeer } from './duplex-rpc.ts';
import { EraMemory } from './era-memory.ts';
import {
  askDiscover,
  classifyProbe,
  type Introduction,
  initialize,
  type ProbeVerdict,
  type Reply,
  type Settled,
  within,
} from './handshake.ts';
import type { HandleOpener, OpenedHandle, OpenNeed } from './opener.ts';
import type { UpstreamLog } from './options.ts';

/** What the openings of one configured upstream work with. */
export interface DuplexOpenerOptions {
  readonly upstream: string;
  /** `legacy` for transports that never had another era. */
  readonly era: 'auto' | Era;
  readonly probeTimeoutMs: number;
  readonly interactiveConcurrency?: number | undefined;
  /** The gateway's own version, as servers are told it. */
  readonly version: string;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly log: UpstreamLog;
  /** Starts a channel. When the signal aborts it rejects and leaves nothing behind. */
  readonly connect: (signal: AbortSignal) => Promise<DuplexChannel>;
}

/** Why an attempt ended without a handle though another one, on a new channel, may bring one. */
type Again = { readonly again: 'initialize' | 'probe' };

/** Makes the opener of a duplex upstream. Openings share one memory of the server's era. */
export function duplexOpener(options: DuplexOpenerOptions): HandleOpener {
  const memory = new EraMemory(options.clock);
  return async (need) => {
    const bounds = boundsOf(need, options.clock);
    try {
      return await new Opening(options, need, memory, bounds.signal).run();
    } finally {
      bounds.release();
    }
  };
}

/** One opening: at most three channels, one after the other. */
class Opening {
  readonly #options: DuplexOpenerOptions;
  readonly #need: OpenNeed;
  readonly #memory: EraMemory;
  readonly #signal: AbortSignal;
  readonly #info: Buffer;

  constructor(options: DuplexOpenerOptions, need: OpenNeed, memory: EraMemory, signal: AbortSignal) {
    this.#options = options;
    this.#need = need;
    this.#memory = memory;
    this.#signal = signal;
    this.#info = gatewayInfo(options.version, need.clientInfo);
  }

  async run(): Promise<OpenedHandle> {
    const { era } = this.#options;
    const known = era === 'auto' ? this.#memory.recall() : era;
    let step = await this.#attempt(known === 'legacy' ? 'initialize' : 'probe', known);
    // Two more at most: a stale verdict dropped, then a server that cannot bear the probe.
    for (let retries = 0; 'again' in step && retries < 2; retries++) step = await this.#attempt(step.again, undefined);
    if ('again' in step)
      throw new GatewayError('upstream.unavailable', { cause: 'the server answers neither handshake' });
    return step;
  }

  /** One channel. What it leads to other than a handle, it is closed first. */
  async #attempt(first: 'probe' | 'initialize', known: Era | undefined): Promise<OpenedHandle | Again> {
    this.#signal.throwIfAborted();
    const channel = await this.#connect();
    const rpc = this.#talk(channel);
    try {
      const outcome = await unlessAborted(this.#signal, this.#handshake(rpc, first, known));
      if (!('again' in outcome)) return this.#handle(rpc, outcome);
      await channel.close();
      return outcome;
    } catch (error) {
      await channel.close();
      throw this.#explain(error, rpc);
    }
  }

  async #connect(): Promise<DuplexChannel> {
    try {
      return await this.#options.connect(this.#signal);
    } catch (error) {
      this.#signal.throwIfAborted();
      throw isGatewayError(error) ? error : new GatewayError('upstream.unavailable', { cause: error });
    }
  }

  async #handshake(rpc: DuplexRpc, first: 'probe' | 'initialize', known: Era | undefined): Promise<Settled | Again> {
    const { era } = this.#options;
    if (first === 'initialize') return this.#initializeOnly(rpc, known);
    const probe = askDiscover(rpc, this.#info);
    const limitMs = known === 'modern' ? undefined : this.#options.probeTimeoutMs;
    const reply = limitMs === undefined ? await probe : await within(this.#options.clock, limitMs, probe);
    if (reply?.kind === 'failed') {
      // rmcp servers end themselves on anything before initialize.
      if (era === 'auto' && rpc.ended?.reason === 'lost') return { again: 'initialize' };
      throw new GatewayError('upstream.unavailable', { cause: reply.error.cause });
    }
    if (reply === undefined) return this.#initializeSilent(rpc, probe);
    const verdict = classifyProbe(reply);
    if (verdict.era === 'modern') return this.#settle('modern', verdict.settled);
    if (verdict.era === 'none' || era === 'modern') throw new GatewayError('upstream.version', { cause: verdict.why });
    return this.#settle('legacy', await initialize(rpc, this.#introduction()));
  }

  async #initializeOnly(rpc: DuplexRpc, known: Era | undefined): Promise<Settled | Again> {
    try {
      return this.#settle('legacy', await initialize(rpc, this.#introduction()));
    } catch (error) {
      // The server was legacy when it was asked last; perhaps it was replaced.
      const isStale =
        this.#options.era === 'auto' && known === 'legacy' && rpc.ended === undefined && isGatewayError(error);
      if (!isStale) throw error;
      this.#memory.forget();
      return { again: 'probe' };
    }
  }

  /** The server was silent on the probe: legacy, or slow, or stuck because of it. */
  async #initializeSilent(rpc: DuplexRpc, probe: Promise<Reply>): Promise<Settled | Again> {
    const { clock, era } = this.#options;
    if (era === 'modern') throw new GatewayError('upstream.timeout', { cause: 'no answer to server/discover' });
    let late: ProbeVerdict | undefined;
    void probe.then((reply) => {
      if (reply.kind !== 'failed') late = classifyProbe(reply);
    });
    const lateSettled = (): Settled | undefined => (late?.era === 'modern' ? late.settled : undefined);
    // Half of what is left: the other half belongs to a child that never saw the probe.
    const limitMs = Math.max(0, this.#need.deadline - clock.now()) / 2;
    try {
      const settled = await within(clock, limitMs, initialize(rpc, this.#introduction()));
      if (settled === undefined) return lateSettled() ?? { again: 'initialize' };
      // A slow modern server that speaks both: this handle is legacy, the next will not be.
      return this.#settle(lateSettled() === undefined ? 'legacy' : 'modern', settled);
    } catch (error) {
      const settled = lateSettled();
      if (settled !== undefined && rpc.ended === undefined) return this.#settle('modern', settled);
      if (rpc.ended?.reason === 'lost') return { again: 'initialize' };
      throw error;
    }
  }

  #settle(era: Era, settled: Settled): Settled {
    if (this.#options.era === 'auto') this.#memory.remember(era);
    return settled;
  }

  #introduction(): Introduction {
    return { profile: this.#need.profile, clientInfo: this.#info };
  }

  #handle(rpc: DuplexRpc, settled: Settled): OpenedHandle {
    const { upstream, clock, log, interactiveConcurrency } = this.#options;
    return new DuplexHandle({
      id: this.#need.handleId,
      upstream,
      revision: settled.revision,
      server: settled.facts,
      rpc,
      clock,
      log,
      declared: this.#need.profile,
      shared: this.#need.shared,
      clientInfo: this.#info,
      interactiveConcurrency,
    });
  }

  #talk(channel: DuplexChannel): DuplexRpc {
    const { upstream, emit, log } = this.#options;
    const peer: RpcPeer = {
      onRequest: ({ id, method }) => {
        if (method === 'ping') rpc.answer(id, { result: Buffer.from('{}') });
        else
          rpc.answer(id, {
            error: encodeError({ code: RpcCode.methodNotFound, message: 'Client cannot be asked outside a request' }),
          });
      },
      onNotification: () => undefined,
      onEnd: () => undefined,
    };
    const rpc = new DuplexRpc(channel, peer, {
      onSent: (method) => emit({ type: 'upstream-request', upstream, method }),
      log,
    });
    return rpc;
  }

  #explain(error: unknown, rpc: DuplexRpc): unknown {
    if (isGatewayError(error) && (error.code !== 'upstream.unavailable' || error.cause !== undefined)) return error;
    if (isGatewayError(error)) return new GatewayError(error.code, { cause: rpc.ended?.detail });
    return new GatewayError('upstream.unavailable', { cause: error });
  }
}

/** A signal that aborts, with the error to reject with, when the need does or its deadline passes. */
function boundsOf(need: OpenNeed, clock: Clock): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const onAbort = (): void =>
    controller.abort(new GatewayError('upstream.unavailable', { cause: 'nobody waits for it any more' }));
  const timer = clock.after(Math.max(0, need.deadline - clock.now()), () => {
    controller.abort(new GatewayError('upstream.timeout', { message: 'Upstream did not start in time.' }));
  });
  need.signal.addEventListener('abort', onAbort);
  if (need.signal.aborted) onAbort();
  return {
    signal: controller.signal,
    release: () => {
      timer.clear();
      need.signal.removeEventListener('abort', onAbort);
    },
  };
}

function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
