import { Duplex } from 'node:stream';
import { GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type { PeerStream } from '../../packages/breakwater/src/fleet/frame-link.ts';
import { LiveStream } from '../../packages/breakwater/src/fleet/live-stream.ts';
import type { Network, Place, Way } from './network.ts';
import type { SimProcess, World } from './world.ts';

/** A node as its peers reach it. */
export interface Peer {
  readonly name: string;
  readonly place: Place;
  readonly process: SimProcess;
  /** Its machine is gone, not its process alone: nobody says so. */
  readonly isSilent: boolean;
  /** It is closed, and listens no more. */
  readonly isClosed: boolean;
  accept(stream: PeerStream): void;
}

const ANSWER_MS = 2_000;
const NOTHING = Buffer.alloc(0);

/** The ways between nodes: streams of frames, and whether a node is there at all. */
export class Peers {
  readonly #world: World;
  readonly #network: Network;
  readonly #peers = new Map<string, Peer>();
  readonly #ends = new Map<string, Set<StreamEnd>>();

  constructor(world: World, network: Network) {
    this.#world = world;
    this.#network = network;
  }

  add(peer: Peer): void {
    this.#peers.set(peer.name, peer);
    this.#ends.set(peer.name, new Set());
  }

  get(name: string): Peer | undefined {
    return this.#peers.get(name);
  }

  /** True while an answer of that node can be expected. */
  answers(from: Peer, to: Peer): boolean {
    const { process, isClosed } = to;
    return (
      !process.isDead && !process.isPaused && !isClosed && this.#network.cutUntil(from.place, to.place) === undefined
    );
  }

  /** Opens a stream of frames, as `PeerClient.openStream` does. */
  open(from: Peer, name: string): Promise<PeerStream> {
    const to = this.#peers.get(name);
    return new Promise((resolve, reject) => {
      const gone = (cause: string): void => reject(new GatewayError('fleet.owner-gone', { cause }));
      const timer = this.#world.clockOf(from.process).after(ANSWER_MS, () => {
        near?.destroy();
        gone('no answer');
      });
      const refuse = (): void => {
        timer.clear();
        gone('refused');
      };
      let near: StreamEnd | undefined;
      if (to === undefined) return refuse();
      const there = this.#network.way(from.place, to.place);
      const back = this.#network.way(to.place, from.place);
      const answer = (): void => {
        if (to.process.isDead || to.isClosed) {
          if (!to.isSilent) back.send(from.process, refuse);
          return;
        }
        this.#world.later(0, to.process, () => {
          if (to.isClosed) return back.send(from.process, refuse);
          const far = new StreamEnd(back);
          near = new StreamEnd(there);
          far.connect(near, from.process);
          near.connect(far, to.process);
          this.#keep(from.name, near);
          this.#keep(to.name, far);
          to.accept({ stream: new LiveStream(far, this.#world.clockOf(to.process), 'working'), head: NOTHING });
          const opened = near;
          back.send(from.process, () => {
            timer.clear();
            if (opened.destroyed) return;
            resolve({ stream: new LiveStream(opened, this.#world.clockOf(from.process), 'asking'), head: NOTHING });
          });
        });
      };
      there.send(undefined, answer);
    });
  }

  /** The operating system closes what a dead process had open; a dead machine says nothing. */
  died(peer: Peer): void {
    for (const end of this.#ends.get(peer.name) ?? []) {
      if (!peer.isSilent) end.reset();
    }
    this.#ends.delete(peer.name);
  }

  #keep(name: string, end: StreamEnd): void {
    const ends = this.#ends.get(name);
    ends?.add(end);
    end.once('close', () => ends?.delete(end));
  }
}

/** One end of a connection. Bytes arrive late and in order; closing one end closes the other one. */
class StreamEnd extends Duplex {
  readonly #way: Way;
  #peer: StreamEnd | undefined;
  #process: SimProcess | undefined;

  constructor(way: Way) {
    super({ allowHalfOpen: false });
    this.#way = way;
    this.on('error', () => undefined);
  }

  connect(peer: StreamEnd, process: SimProcess): void {
    this.#peer = peer;
    this.#process = process;
  }

  /** As by the operating system, for a process that is no more. */
  reset(): void {
    this.#tell((peer) => peer.destroy());
  }

  override _read(): void {
    // What arrives is pushed.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#tell((peer) => {
      if (!peer.destroyed) peer.push(chunk);
    });
    done();
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), '', done);
  }

  override _final(done: () => void): void {
    this.#tell((peer) => {
      if (!peer.destroyed) peer.push(null);
    });
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.reset();
    done(error);
  }

  #tell(run: (peer: StreamEnd) => void): void {
    const peer = this.#peer;
    if (peer !== undefined) this.#way.send(this.#process, () => run(peer));
  }
}
