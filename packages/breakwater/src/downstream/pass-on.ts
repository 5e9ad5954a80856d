import { isGatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import type { RawId } from '../jsonrpc/id.ts';
import type { Inbound } from './inbound.ts';

/** How long a node is waited for that the store has forgotten, and how often it is looked for. */
const UNSETTLED_MS = 4_000;
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
  drain.enter();
  // A stream would not end by itself; its client comes back, to another node.
  const stay = req.method === 'GET' ? drain.onBegin(() => res.destroy()) : noteNothing;
  try {
    const facts = { principal, remoteAddress: caller.address ?? '', body };
    const until = deps.clock.now() + UNSETTLED_MS;
    while ((await deps.peers?.forward(node, req, res, facts)) !== true) {
      if (deps.clock.now() >= until || res.destroyed || (await deps.peers?.isUnsettled?.()) !== true) return false;
      await new Promise<void>((resolve) => deps.clock.after(AGAIN_MS, resolve));
    }
    return true;
  } catch (error) {
    if (isGatewayError(error) && error.code === 'fleet.node-lost') return false;
    throw error;
  } finally {
    stay();
    drain.leave();
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
