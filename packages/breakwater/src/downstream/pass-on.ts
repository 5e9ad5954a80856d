import { isGatewayError } from '../core/errors.ts';
import type { PassedOn } from '../core/events.ts';
import type { Exchange } from '../core/exchange.ts';
import type { RawId } from '../jsonrpc/id.ts';
import type { Inbound } from './inbound.ts';
import type { DownstreamDeps } from './options.ts';

/** How long a node is looked for that the store cannot name now, and how often. A failover takes some seconds, and most requests come once. */
const LOOK_MS = 8_000;
/** How long one is tried that was lost on the way: longer than a node that is dead stays in the store. */
const LOST_MS = 20_000;
const AGAIN_MS = 500;

/** The other node of the fleet that made an id; undefined for ids of this node, of nobody, and on requests that were passed on already. */
export function makerOf({ context, req }: Inbound, id: string): string | undefined {
  const { peers } = context.deps;
  const node = peers?.tags.elsewhere(id);
  return node === undefined || peers?.wasForwarded(req) === true ? undefined : node;
}

/** As {@link makerOf}, for the id of a JSON-RPC message. */
export function makerOfMessage(inbound: Inbound, id: RawId | undefined): string | undefined {
  if (inbound.context.deps.peers === undefined || id?.startsWith('"') !== true) return undefined;
  return makerOf(inbound, String(JSON.parse(id)));
}

/**
 * Has another node serve the request and passes its answer back; `body` is what was read of it. False when that node is gone: then nothing was
 * answered. Rejects with `store.unavailable` when nobody can say where it is. `isRepeatable`: it does no harm when that node gets the request twice,
 * because only the way to it was cut. `waitsForIt`: while it lives, nobody else can take the request.
 */
export async function passOn(
  inbound: Inbound,
  node: string,
  body: Buffer | undefined,
  isRepeatable = inbound.req.method === 'GET',
  // A stream can be had from what was written down; an answer can go to nobody else.
  waitsForIt = inbound.req.method !== 'GET',
): Promise<boolean> {
  const { context, req, res, principal, caller } = inbound;
  const { drain, deps } = context;
  let outcome: PassedOn = 'gone';
  drain.enter();
  // A stream would not end by itself; its client comes back, to another node.
  const stay = req.method === 'GET' ? drain.onBegin(() => res.destroy()) : noteNothing;
  try {
    const startedAt = deps.clock.now();
    const { address: remoteAddress = '', protocol, host } = caller;
    const facts = { principal, remoteAddress, protocol, host, body };
    for (;;) {
      const passed = await tryPassing(deps, {
        forward: () => deps.peers?.forward(node, req, res, facts),
        looksOn: () => !res.destroyed && deps.clock.now() < startedAt + LOOK_MS,
        triesOn: () => isRepeatable && !res.destroyed && deps.clock.now() < startedAt + LOST_MS,
        waits: async () => waitsForIt && (await deps.peers?.isEntered?.(node)) === true,
      });
      if (passed === true) outcome = 'answered';
      if (passed !== undefined) return passed;
      await new Promise<void>((resolve) => deps.clock.after(AGAIN_MS, resolve));
    }
  } catch (error) {
    const isLost = isGatewayError(error) && error.code === 'fleet.node-lost';
    outcome = isLost ? 'lost' : 'refused';
    if (isLost) return false;
    throw error;
  } finally {
    deps.emit({ type: 'passed-on', outcome });
    stay();
    drain.leave();
  }
}

interface Passing {
  forward(): Promise<boolean> | undefined;
  /** It is worth looking for the node once more. */
  looksOn(): boolean;
  /** It is worth trying the node once more. */
  triesOn(): boolean;
  /** The node lives, and nobody but it can take the request. */
  waits(): Promise<boolean>;
}

/** Whether the request was passed on; undefined while it is worth another attempt. */
async function tryPassing(
  { peers }: DownstreamDeps,
  { forward, looksOn, triesOn, waits }: Passing,
): Promise<boolean | undefined> {
  try {
    if ((await forward()) === true) return true;
    if (looksOn() && (await peers?.isUnsettled?.()) === true) return undefined;
    return triesOn() && (await waits()) ? undefined : false;
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    if (error.code === 'store.unavailable' && looksOn()) return undefined;
    if (error.code === 'fleet.node-lost' && triesOn()) return undefined;
    throw error;
  }
}

/** Has the node serve a request that alone can go on with it, because it holds the call or the task; true when it did. */
export function continueElsewhere(
  inbound: Inbound,
  request: Pick<Exchange, 'method' | 'params' | 'sessionId'>,
  body: Buffer,
): false | Promise<boolean> {
  const { peers, handler } = inbound.context.deps;
  if (peers === undefined || request.params === undefined || peers.wasForwarded(inbound.req)) return false;
  const node = handler.nodeOf?.({ ...request, principal: inbound.principal });
  // To a parked call the same state may come twice: the first answers it, and both are told the same.
  const isRepeatable = !request.method.startsWith('tasks/');
  return node !== undefined && passOn(inbound, node, body, isRepeatable);
}

function noteNothing(): void {
  // An answer to a POST ends by itself, and the drain waits for it.
}
