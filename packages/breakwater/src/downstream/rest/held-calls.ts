import type { Context } from '../inbound.ts';
import { holderOf } from '../slot-holder.ts';
import { StreamSlots } from '../stream-slots.ts';
import { type AnswerForm, type Written, writeAnswer, writtenProblem } from './deliver.ts';
import { type RestAsk, startExchange } from './exchange.ts';
import { HeldCall } from './held-call.ts';
import { restStatusOf } from './problem.ts';
import { type RestRequest, urlOf } from './request.ts';

/** The id of a held call. It is a credential: who knows it and is the same principal may read the outcome. In a fleet it names this node. */
function mintCallId({ random, peers }: Context['deps']): string {
  const id = `call_${random.id()}`;
  return peers === undefined ? id : peers.tags.mint(id);
}

/** The calls whose callers ask for them later (`Prefer: respond-async`). Each holds a slot and, once over, its outcome, for a bounded time and in bounded memory. */
export class HeldCalls {
  readonly #calls = new Map<string, HeldCall>();
  readonly #slots: StreamSlots;
  readonly #context: Context;
  readonly #leave = new Map<HeldCall, () => void>();
  #keptBytes = 0;
  #isClosing = false;
  #disown: (() => void) | undefined;

  constructor(context: Context) {
    this.#context = context;
    this.#slots = new StreamSlots(context.options.heldCalls);
  }

  /** Lets the calls live as long as this side; a reload hands them on. */
  adopt({ drain }: Context): void {
    this.#disown?.();
    this.#disown = drain.onBegin(() => this.#close());
  }

  /** Starts a call; undefined when the caller, or all together, hold too many. */
  start(request: RestRequest, ask: RestAsk, form: AnswerForm): HeldCall | undefined {
    const { context, principal, route } = request;
    const leave = this.#slots.take(request);
    if (leave === undefined) return undefined;
    const { deps, drain } = context;
    const id = mintCallId(deps);
    const startedAt = deps.clock.now();
    const url = urlOf(request, 'calls', id);
    const ref = context.exchangeIds.next();
    const call = new HeldCall({
      ...{ id, ref, url, startedAt },
      route: route.path,
      principal: principal.key,
      holder: holderOf(request),
    });
    this.#calls.set(id, call);
    this.#leave.set(call, leave);
    const { key } = principal;
    deps.emit({ type: 'open', resource: 'call', id: ref, owner: key, detail: ask.method, principal: key });
    drain.enter();
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      call.stop = undefined;
      drain.leave();
    };
    try {
      const stop = startExchange(request, ask, {
        notify: (event, data) => {
          if (event === 'progress') call.progress = data;
          // Every watcher is told, also after one that is slow.
          return [...call.watchers].map((watcher) => watcher.event(event, data)).every(Boolean);
        },
        // A slow watcher slows nobody down: what it does not read in time is its own loss.
        onceDrained: (run) => run(),
        done: (answer) => {
          void writeAnswer(request, answer, form).then((written) => {
            if (!isOver) this.#finish(call, written, request);
            over();
          });
        },
      });
      if (!isOver) {
        call.stop = (reason) => {
          stop(reason);
          over();
        };
      }
    } catch (error) {
      over();
      this.release(call, 'failed');
      throw error;
    }
    return call;
  }

  /** The call of this id, where it is this caller's. Somebody else's is like none. */
  find(request: RestRequest, id: string): HeldCall | undefined {
    const call = this.#calls.get(id);
    return call?.principal === request.principal.key && call.route === request.route.path ? call : undefined;
  }

  /** Forgets a call; cancels it when it still runs. */
  release(call: HeldCall, reason: string): void {
    if (!this.#calls.delete(call.id)) return;
    call.stop?.(reason);
    call.stop = undefined;
    call.expiry?.clear();
    this.#keptBytes -= call.outcome?.body.length ?? 0;
    this.#leave.get(call)?.();
    this.#leave.delete(call);
    for (const watcher of call.watchers) watcher.over(call);
    call.watchers.clear();
    this.#context.deps.emit({ type: 'close', resource: 'call', id: call.ref, reason });
  }

  #finish(call: HeldCall, written: Written, request: RestRequest): void {
    if (!this.#calls.has(call.id)) return;
    const { options, deps } = this.#context;
    const { bytes, ttlMs } = options.heldCalls;
    const tooLarge = written.body.length > bytes;
    const code = 'upstream.too-large';
    call.outcome = tooLarge ? writtenProblem(request, { code, status: restStatusOf(code) }) : written;
    this.#keptBytes += call.outcome.body.length;
    call.expiresAt = deps.clock.now() + ttlMs;
    call.expiry = deps.clock.after(ttlMs, () => this.release(call, 'expired'));
    for (const watcher of call.watchers) watcher.over(call);
    call.watchers.clear();
    // Once this node goes nobody can ask for it any more.
    if (this.#isClosing) this.release(call, 'drain');
    else this.#makeRoom(bytes);
  }

  // Attack: somebody's large outcomes push out those of others, fresh as they are. Whoever holds most gives up the oldest of theirs.
  #makeRoom(bytes: number): void {
    while (this.#keptBytes > bytes) {
      const held = new Map<string, { bytes: number; readonly oldest: HeldCall }>();
      // A Map is in order of insertion.
      for (const call of this.#calls.values()) {
        if (call.outcome === undefined) continue;
        const share = held.get(call.holder) ?? { bytes: 0, oldest: call };
        share.bytes += call.outcome.body.length;
        held.set(call.holder, share);
      }
      const most = [...held.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a));
      this.release(most.oldest, 'evicted');
    }
  }

  #close(): void {
    this.#isClosing = true;
    for (const call of [...this.#calls.values()]) if (call.outcome !== undefined) this.release(call, 'drain');
  }
}
