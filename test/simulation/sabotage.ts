import { isGatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type { TheirClaim } from '../../packages/breakwater/src/core/fleet.ts';
import type { ExchangeHandler, Outcome, Reply } from '../../packages/breakwater/src/core/ports.ts';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import { leaseName } from '../../packages/breakwater/src/fleet/ownership.ts';
import { editObject, scanObject } from '../../packages/breakwater/src/jsonrpc/raw.ts';
import type { Sabotage } from './node.ts';

/** A node that never doubts its leases, however long it slept. */
export const BELIEVES_FOR_EVER: Sabotage = {
  ownership: (ownership) => ({
    find: (upstream, key) => ownership.find(upstream, key),
    claim: async (upstream, key) => {
      const claim = await ownership.claim(upstream, key);
      if (claim.kind === 'theirs') return claim;
      const { hold } = claim;
      return { kind: 'ours', hold: { isHeld: true, onLost: () => undefined, release: () => hold.release() } };
    },
  }),
};

/** A node that takes over from an owner that it cannot reach, without waiting for the end of the lease. */
export const TAKES_OVER_AT_ONCE: Sabotage = {
  ownership: (ownership, store) => ({
    find: (upstream, key) => ownership.find(upstream, key),
    claim: async (upstream, key) => {
      const claim = await ownership.claim(upstream, key);
      return claim.kind === 'ours' ? claim : impatient(claim, leaseName(upstream, key), store);
    },
  }),
};

function impatient(claim: TheirClaim, name: string, store: Store): TheirClaim {
  const borrow: TheirClaim['borrow'] = async (need, bounds) => {
    try {
      return await claim.borrow(need, bounds);
    } catch (error) {
      const lease = await store.holder(name);
      if (lease !== undefined) await store.yield(name, lease);
      throw error;
    }
  };
  return { ...claim, borrow };
}

const LOST: ReadonlySet<string> = new Set(['fleet.node-lost', 'upstream.lost']);

/** A gateway that makes a call once more whose end it does not know. */
export const REPEATS_LOST_CALLS: Sabotage = {
  handler: (handler) =>
    repeating(handler, (outcome) => {
      return outcome.kind === 'failed' && isGatewayError(outcome.error) && LOST.has(outcome.error.code);
    }),
};

/** A gateway that makes a parked call once more that it has not got any more. */
export const REPEATS_LOST_PARKS: Sabotage = {
  handler: (handler) =>
    repeating(handler, (outcome) => {
      return outcome.kind === 'result' && outcome.result.includes('has expired');
    }),
};

function repeating(handler: ExchangeHandler, isLost: (outcome: Outcome) => boolean): ExchangeHandler {
  return {
    nodeOf: (request) => handler.nodeOf?.(request),
    handle: (exchange, reply) => {
      const again: Reply = {
        notify: (notification) => reply.notify(notification),
        onDrain: (run) => reply.onDrain(run),
        ask: (...asked) => reply.ask(...asked),
        tell: (...told) => reply.tell(...told),
        done: (outcome) => {
          if (!isLost(outcome) || exchange.params === undefined) return reply.done(outcome);
          const params = scanObject(
            editObject(exchange.params, { requestState: undefined, inputResponses: undefined }),
          );
          handler.handle({ ...exchange, params }, reply);
        },
      };
      return handler.handle(exchange, again);
    },
  };
}

/** A node that goes on with its log when another one has taken it. */
export const GOES_ON_WITH_LOST_LOGS: Sabotage = {
  store: (store) =>
    replaced(store, {
      append: async (key, writer, data, bounds) => {
        if (await store.append(key, writer, data, bounds)) return true;
        await store.openLog(key, writer, Buffer.alloc(0), bounds.ttlMs);
        return await store.append(key, writer, data, bounds);
      },
    }),
};

/** A node that does not write its sessions down. Their ids say that they live for as long as they may be silent, so that has to be short. */
export const KEEPS_SESSIONS_TO_ITSELF: Sabotage = {
  limits: { ephemeralIdleMs: 25_000 },
  store: (store) =>
    replaced(store, {
      write: async (key, change, ttlMs) => {
        if (!key.startsWith('{s:')) await store.write(key, change, ttlMs);
      },
      create: async (key, fields, ttlMs) => key.startsWith('{s:') || (await store.create(key, fields, ttlMs)),
    }),
};

/** A node that takes an answer for one to whatever it asked first. */
export const MIXES_UP_QUESTIONS: Sabotage = { question: (id, open) => (open.includes(id) ? open[0] : id) };

/** A store whose epochs do not grow. */
export const REPEATS_EPOCHS: Sabotage = { epoch: (epoch) => epoch % 7 };

/** A node that leaves behind what it has. */
export const RELEASES_NOTHING: Sabotage = { skipsRelease: true };

/** A node that leaves while a client that came back with its answer waits for the tool. */
export const LEAVES_WHOM_IT_SERVES: Sabotage = { overlooksServed: true };

/** A store with some of its operations replaced. */
function replaced(store: Store, by: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, name) {
      const own: unknown = Reflect.get(by, name) ?? Reflect.get(target, name);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}
