import { isGatewayError } from '../core/errors.ts';
import type { PassedOn } from '../core/events.ts';
import type { Exchange } from '../core/exchange.ts';
import type { RawId } from '../jsonrpc/id.ts';
import type { Inbound } from './inbound.ts';
import type { DownstreamDeps } from './options.ts';

/** How long a node is looked for that the store cannot name now, and how often. A failover takes some seconds, and most requests come once. */
const LOOK_MS = 8_000;
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
 * answered. Rejects with `store.unavailable` when nobody can say where it is.
 */
export async function passOn(inbound: Inbound, node: string, body: Buffer | undefined): Promise<boolean> {
  const { context, req, res, principal, caller } = inbound;
  const { drain, deps } = context;
  let outcome: PassedOn = 'gone';
  drain.enter();
  // A stream would not end by itself; its client comes back, to another node.
  const stay = req.method === 'GET' ? drain.onBegin(() => res.destroy()) : noteNothing;
  try {
    const until = deps.clock.now() + LOOK_MS;
    const facts = { principal, remoteAddress: caller.address ?? '', body };
    for (;;) {
      const isLast = deps.clock.now() >= until || res.destroyed;
      const passed = await tryPassing(deps, () => deps.peers?.forward(node, req, res, facts), isLast);
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

/** Whether the request was passed on; undefined while it is worth another attempt. */
async function tryPassing(
  { peers }: DownstreamDeps,
  forward: () => Promise<boolean> | undefined,
  isLast: boolean,
): Promise<boolean | undefined> {
  try {
    if ((await forward()) === true) return true;
    return !isLast && (await peers?.isUnsettled?.()) === true ? undefined : false;
  } catch (error) {
    if (!isLast && isGatewayError(error) && error.code === 'store.unavailable') return undefined;
    throw error;
  }
}

/** Has the node serve a request that alone can go on with it, because it holds the call or the task; true when it did. */
export async function continueElsewhere(
  inbound: Inbound,
  request: Pick<Exchange, 'method' | 'params' | 'sessionId'>,
  body: Buffer,
): Promise<boolean> {
  const { peers, handler } = inbound.context.deps;
  if (peers === undefined || request.params === undefined || peers.wasForwarded(inbound.req)) return false;
  const node = handler.nodeOf?.({ ...request, principal: inbound.principal });
  return node !== undefined && (await passOn(inbound, node, body));
}

function noteNothing(): void {
  // An answer to a POST ends by itself, and the drain waits for it.
}
