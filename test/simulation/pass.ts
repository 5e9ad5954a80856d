import type { ClientRequest, Connection, Door, ServerMessage } from './door.ts';

const BEAT_MS = 2_000;
const MISSES = 3;

/**
 * Has another node serve a request, as `passOn` does over the peer port: false when that node is gone before the answer began. A node that is silent
 * for three beats is gone; one whose answer had begun cuts the client's connection.
 */
export function pass(
  from: Door,
  name: string,
  request: ClientRequest,
  connection: Connection,
  doorOf: (node: string) => Door | undefined,
): Promise<boolean> {
  const to = doorOf(name);
  if (to === undefined) return Promise.resolve(false);
  const { node } = from;
  const { network, peers } = node.shared;
  const there = network.way(node.place, to.node.place);
  const back = network.way(to.node.place, node.place);
  return new Promise((resolve) => {
    let misses = 0;
    let hasBegun = false;
    let isOver = false;
    let closeFar: (() => void) | undefined;
    const end = (isServed: boolean): void => {
      if (isOver) return;
      isOver = true;
      timer.clear();
      resolve(isServed);
    };
    const lose = (): void => {
      if (isOver) return;
      if (hasBegun) connection.cut();
      end(hasBegun);
    };
    const beat = (): void => {
      if (to.node.process.isDead && !to.node.isSilent) return lose();
      misses = peers.answers(node, to.node) ? 0 : misses + 1;
      if (misses >= MISSES) return lose();
      timer = node.clock.after(BEAT_MS, beat);
    };
    let timer = node.clock.after(BEAT_MS, beat);
    const far: Connection = {
      send: (message: ServerMessage) => {
        if (to.node.process.isDead) return;
        back.send(node.process, () => {
          if (isOver) return;
          hasBegun = true;
          connection.send(message);
          if (message.kind !== 'question') end(true);
        });
      },
      cut: () => back.send(node.process, lose),
      onClosed: (run) => {
        closeFar = run;
      },
    };
    connection.onClosed(() => {
      if (isOver) return;
      there.send(to.node.process, () => closeFar?.());
      end(true);
    });
    there.send(undefined, () => {
      if (node.process.isDead) return;
      if (to.node.process.isDead || to.node.isClosed) {
        if (!to.node.isSilent) back.send(node.process, lose);
        return;
      }
      node.shared.world.later(0, to.node.process, () => void to.serve(request, far, doorOf, true));
    });
  });
}
