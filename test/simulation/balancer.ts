import type { Principal } from '../../packages/breakwater/src/core/ports.ts';
import { type ClientRequest, type Connection, Door, type ServerMessage } from './door.ts';
import type { FleetWorld, SimNode } from './node.ts';
import type { SeededRandom } from './random.ts';

/** What a client hears on one connection: messages, the last of which is no question, or its end. */
export interface ClientSide {
  hear(message: ServerMessage): void;
  onBroken(detail: string): void;
}

/** A connection as its client has it. */
export interface ClientConnection {
  close(): void;
}

interface Open {
  readonly door: Door;
  break(detail: string): void;
  /** The same, and the node hears of it. */
  cut(): void;
}

const TRIES = 4;
/** How long a machine that says nothing is waited for. */
const SILENCE_MS = 5_000;
const KNOWN_SILENT_MS = 3_000;

/** Sends each request to any node that seems to live. */
export class Balancer {
  readonly #shared: FleetWorld;
  readonly #random: SeededRandom;
  readonly #doors = new Map<string, Door>();
  /** The nodes that are asked, by slot. */
  readonly #slots = new Map<string, { readonly door: Door; gone: number | undefined }>();
  readonly #open = new Set<Open>();
  /** How likely a connection is to break by itself. */
  readonly #cutRate: number;

  constructor(shared: FleetWorld, random: SeededRandom, cutRate: number) {
    this.#shared = shared;
    this.#random = random;
    this.#cutRate = cutRate;
  }

  doorOf = (node: string): Door | undefined => this.#doors.get(node);

  add(node: SimNode): void {
    const door = new Door(node);
    this.#doors.set(node.name, door);
    this.#slots.set(node.place, { door, gone: undefined });
  }

  /** The balancer notices in its own time that a node is gone or goes. */
  remove(node: SimNode, afterMs: number): void {
    const slot = this.#slots.get(node.place);
    if (slot?.door.node === node) slot.gone = this.#shared.world.elapsed + afterMs;
  }

  /** What was open to a node that died. */
  died(node: SimNode): void {
    const { world, network } = this.#shared;
    this.remove(node, node.isSilent ? KNOWN_SILENT_MS : 0);
    for (const open of this.#open) {
      if (open.door.node !== node) continue;
      world.later(node.isSilent ? SILENCE_MS : network.latency(), undefined, () => open.break('its node died'));
    }
  }

  /** A node does not answer: what is open to it is broken off, and it is asked nothing until it is back. */
  shun(node: SimNode): void {
    this.remove(node, 0);
    for (const open of [...this.#open]) if (open.door.node === node) open.cut();
  }

  readmit(node: SimNode): void {
    const slot = this.#slots.get(node.place);
    if (slot?.door.node === node && !node.isLeaving) slot.gone = undefined;
  }

  /** Sends to a node; `to` names one, for a check. */
  send(request: ClientRequest, side: ClientSide, to?: SimNode): ClientConnection {
    return this.#try(request, side, to, TRIES);
  }

  /** The same for requests that bring one answer; undefined where the connection broke. */
  ask(request: ClientRequest, to?: SimNode): Promise<ServerMessage | undefined> {
    return new Promise((resolve) => {
      this.send(request, { hear: resolve, onBroken: () => resolve(undefined) }, to);
    });
  }

  #try(request: ClientRequest, side: ClientSide, to: SimNode | undefined, tries: number): ClientConnection {
    const { world, network } = this.#shared;
    const door = to === undefined ? this.#pick() : this.#doors.get(to.name);
    let isClosed = false;
    const closers: (() => void)[] = [];
    let inner: ClientConnection | undefined;
    let isOver = false;
    let isBroken = false;
    let lastAt = 0;
    const tellClosed = (): void => {
      world.later(network.latency(), door?.node.process, () => {
        for (const run of closers) run();
      });
    };
    const open: Open | undefined = door && {
      door,
      break: (detail) => {
        this.#open.delete(open as Open);
        if (isOver || isClosed || isBroken) return;
        isBroken = true;
        side.onBroken(detail);
      },
      cut: () => {
        if (isOver || isClosed || isBroken) return;
        open?.break('cut on the way');
        tellClosed();
      },
    };
    const close = (): void => {
      if (isClosed) return;
      isClosed = true;
      inner?.close();
      if (open === undefined) return;
      this.#open.delete(open);
      tellClosed();
    };
    world.later(network.latency(), undefined, () => {
      if (isClosed) return;
      if (open === undefined || open.door.node.isClosed || open.door.node.process.isDead) {
        // Nothing was sent: it is safe to ask another one.
        if (open?.door.node.isSilent === true)
          world.later(SILENCE_MS, undefined, () => open.break('its node is silent'));
        else if (tries > 1 && to === undefined) inner = this.#try(request, side, to, tries - 1);
        else side.onBroken('no node');
        return;
      }
      this.#open.add(open);
      world.detail(() => `${open.door.node.name} < ${brief(request)}`);
      const { node } = open.door;
      const connection: Connection = {
        send: (message) => {
          if (node.process.isDead) return;
          lastAt = Math.max(lastAt, world.elapsed + network.latency());
          world.at(lastAt, undefined, () => {
            if (isClosed || isBroken) return;
            if (isOver) {
              this.#shared.history.faults.push(`a second end of ${JSON.stringify(request)}`);
              return;
            }
            if (message.kind !== 'question') {
              isOver = true;
              this.#open.delete(open);
            }
            world.detail(() => `${node.name} > ${brief(message)} for ${brief(request)}`);
            side.hear(message);
          });
        },
        cut: () => {
          if (!node.process.isDead) world.later(network.latency(), undefined, () => open.break('cut'));
        },
        onClosed: (run) => {
          closers.push(run);
        },
      };
      world.later(0, node.process, () => void open.door.serve(request, connection, this.doorOf));
      if (request.kind === 'call' && this.#random.chance(this.#cutRate)) {
        world.later(this.#random.between(1, 2_500), undefined, () => open.cut());
      }
    });
    return { close };
  }

  #pick(): Door | undefined {
    const { elapsed } = this.#shared.world;
    const alive = [...this.#slots.values()].filter(({ gone }) => gone === undefined || gone > elapsed);
    return alive.length === 0 ? undefined : this.#random.pick(alive).door;
  }
}

function brief({ kind, ...rest }: ClientRequest | ServerMessage): string {
  return `${kind} ${JSON.stringify(rest).replaceAll(/"[^"]{60,}"/g, '"…"')}`;
}

/** Somebody with an account. */
export function principalOf(name: string): Principal {
  return { key: name, personal: true };
}
