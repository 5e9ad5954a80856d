import { GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type {
  CallControl,
  CallSink,
  Outcome,
  ServerQuestion,
  UpstreamCall,
} from '../../packages/breakwater/src/core/ports.ts';
import { encodeJson, memberObject, memberValue, scanObject } from '../../packages/breakwater/src/jsonrpc/raw.ts';
import type { ServerFacts } from '../../packages/breakwater/src/protocol/capabilities.ts';
import type { Revision } from '../../packages/breakwater/src/protocol/revision.ts';
import type { OpenedHandle, OpenNeed } from '../../packages/breakwater/src/upstream/opener.ts';
import type { History } from './history.ts';
import type { SeededRandom } from './random.ts';
import { SimProcess, type World } from './world.ts';

/**
 * The three kinds of server: one that lives and dies with the node that started it, one behind HTTP that keeps sessions, and one of the modern era
 * that keeps nothing.
 */
export type ServerKind = 'child' | 'http' | 'modern';

/** What servers work with. */
export interface ServerDeps {
  readonly world: World;
  readonly random: SeededRandom;
  readonly history: History;
}

/** Says that the owner of a handle gives its server something to do. */
export type NoteBegin = (key: string, call: string) => void;

const FACTS: ServerFacts = {
  info: encodeJson({ name: 'simulated', version: '1' }),
  capabilities: { tools: {} },
  instructions: undefined,
};

/** How long a server waits for the answer to its question. */
const PATIENCE_MS = 15_000;

interface Running {
  readonly sink: CallSink;
  isOver: boolean;
  readonly withdraw: (() => void)[];
}

/** A handle whose server is a script. The calls' arguments say what it does, and it writes down each effect. */
export class ScriptedHandle implements OpenedHandle {
  readonly id: string;
  readonly upstream: ServerKind;
  readonly revision: Revision;
  readonly server = FACTS;
  readonly hasSession: boolean;
  readonly #deps: ServerDeps;
  readonly #gateway: SimProcess;
  /** Where the server itself runs. */
  readonly #process: SimProcess;
  readonly #key: string;
  readonly #onBegin: NoteBegin;
  readonly #running = new Set<Running>();
  readonly #endListeners = new Set<(reason: string) => void>();
  #ended: string | undefined;

  constructor(kind: ServerKind, need: OpenNeed, gateway: SimProcess, deps: ServerDeps, onBegin: NoteBegin) {
    this.id = need.handleId;
    this.upstream = kind;
    this.revision = kind === 'modern' ? '2026-07-28' : '2025-11-25';
    this.hasSession = kind !== 'modern';
    this.#deps = deps;
    this.#gateway = gateway;
    this.#process = new SimProcess(`${kind} of ${gateway.name}`);
    this.#key = need.ownedKey ?? '';
    this.#onBegin = onBegin;
  }

  /** The process that started it is dead. */
  orphan(): void {
    // A child reads the end of its input, and works for some moments more; a server behind HTTP does not mind.
    if (this.upstream !== 'child') return;
    this.#deps.world.later(this.#deps.random.between(0, 30), undefined, () => this.#process.kill());
  }

  call(call: UpstreamCall, sink: CallSink): CallControl {
    const running: Running = { sink, isOver: false, withdraw: [] };
    const { world, random } = this.#deps;
    if (this.#ended !== undefined) {
      queueMicrotask(() => sink.done({ kind: 'failed', error: new GatewayError('upstream.lost') }));
      return { cancel: () => undefined, pause: () => undefined, resume: () => undefined };
    }
    this.#running.add(running);
    const order = readOrder(call);
    if (this.hasSession) this.#onBegin(this.#key, order.call);
    world.later(random.between(1, 5), this.#process, () => this.#serve(running, order));
    return {
      cancel: () => this.#drop(running),
      pause: () => undefined,
      resume: () => undefined,
    };
  }

  async openFeed(): Promise<boolean> {
    // As over HTTP: the stream takes a moment.
    if (this.upstream !== 'http') return false;
    const { world, random } = this.#deps;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    world.later(random.between(1, 400), this.#gateway, () => resolve(false));
    return await promise;
  }

  async watch(): Promise<boolean> {
    return false;
  }

  async unwatch(): Promise<void> {
    // Nothing is watched.
  }

  async watchTask(): Promise<boolean> {
    return false;
  }

  async unwatchTask(): Promise<void> {
    // Nothing is watched.
  }

  onChange(): () => void {
    return () => undefined;
  }

  onPage(): () => void {
    return () => undefined;
  }

  onQuestion(): () => void {
    return () => undefined;
  }

  onProgress(): () => void {
    return () => undefined;
  }

  onEnd(listener: (reason: string) => void): () => void {
    const ended = this.#ended;
    if (ended === undefined) this.#endListeners.add(listener);
    else queueMicrotask(() => listener(ended));
    return () => void this.#endListeners.delete(listener);
  }

  async close(reason: string): Promise<void> {
    if (this.upstream === 'child') {
      // Its input is closed; what it does in the moments until it ends still counts.
      const { world, random } = this.#deps;
      const { promise, resolve } = Promise.withResolvers<void>();
      world.later(random.between(1, 20), undefined, () => {
        this.#process.kill();
        world.later(0, this.#gateway, resolve);
      });
      this.#end(reason);
      await promise;
    } else this.#end(reason);
  }

  #end(reason: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    for (const running of [...this.#running]) {
      this.#drop(running);
      running.sink.done({ kind: 'failed', error: new GatewayError('upstream.lost', { cause: reason }) });
    }
    for (const listener of [...this.#endListeners]) listener(reason);
    this.#endListeners.clear();
  }

  #drop(running: Running): void {
    running.isOver = true;
    this.#running.delete(running);
    for (const run of running.withdraw.splice(0)) run();
  }

  /** The server has the request. */
  #serve(running: Running, order: Order): void {
    const { world, history } = this.#deps;
    if (this.upstream === 'modern' && order.what === 'ask' && order.answer === undefined) {
      this.#reply(running, {
        resultType: 'input_required',
        inputRequests: { q: { method: 'elicitation/create', params: questionOf(order.call) } },
        requestState: `state of ${order.call}`,
      });
      return;
    }
    if (order.what === 'ask' && this.upstream !== 'modern') return this.#ask(running, order);
    history.tookEffect(order.call, order.principal);
    world.later(order.ms, this.#process, () => this.#finish(running, order, order.answer));
  }

  #ask(running: Running, order: Order): void {
    const { world, random, history } = this.#deps;
    history.tookEffect(order.call, order.principal);
    let isAnswered = false;
    // As the SDKs' servers do after a minute.
    world.later(PATIENCE_MS, this.#process, () => {
      if (isAnswered || running.isOver) return;
      isAnswered = true;
      for (const run of running.withdraw.splice(0)) world.later(random.between(1, 5), this.#gateway, run);
      this.#finish(running, order, 'nobody');
    });
    const question: ServerQuestion = {
      method: 'elicitation/create',
      params: scanObject(encodeJson(questionOf(order.call))),
      revision: this.revision,
      answer: (answer) => {
        const said = 'result' in answer ? byOf(answer.result.toString()) : undefined;
        if (said !== undefined) history.answered(`${order.call} at ${this.id}`, said, order.principal);
        if (isAnswered) return;
        isAnswered = true;
        world.later(order.ms, this.#process, () => {
          this.#finish(running, order, said ?? 'nobody');
        });
      },
      onWithdrawn: (run) => {
        if (running.isOver) run();
        else running.withdraw.push(run);
      },
    };
    this.#tell(running, () => running.sink.ask(question));
  }

  #finish(running: Running, order: Order, answer: string | undefined): void {
    const said = answer === undefined ? '' : ` answered by ${answer}`;
    this.#reply(running, {
      ...(this.upstream === 'modern' && { resultType: 'complete' }),
      content: [{ type: 'text', text: `${order.call} of ${order.principal}${said}` }],
    });
  }

  #reply(running: Running, result: unknown): void {
    const outcome: Outcome = { kind: 'result', revision: this.revision, result: encodeJson(result) };
    this.#tell(running, () => {
      this.#drop(running);
      running.sink.done(outcome);
    });
  }

  #tell(running: Running, run: () => void): void {
    const { world, random } = this.#deps;
    world.later(random.between(1, 5), this.#gateway, () => {
      if (!running.isOver) run();
    });
  }
}

/** What a call tells its server to do. */
interface Order {
  readonly call: string;
  readonly principal: string;
  readonly what: 'note' | 'ask';
  readonly ms: number;
  /** Who answered, where the call comes with answers. */
  readonly answer: string | undefined;
}

function questionOf(call: string): Record<string, unknown> {
  const requestedSchema = { type: 'object', properties: { by: { type: 'string' } } };
  return { message: `Who answers ${call}?`, requestedSchema };
}

function readOrder({ params }: UpstreamCall): Order {
  const args = params === undefined ? undefined : memberObject(params, 'arguments');
  if (params === undefined || args === undefined) throw new TypeError('a call without arguments');
  const responses = memberObject(params, 'inputResponses');
  return {
    call: String(memberValue(args, 'call')),
    principal: String(memberValue(args, 'principal')),
    what: memberValue(args, 'what') === 'ask' ? 'ask' : 'note',
    ms: Number(memberValue(args, 'ms')),
    answer: responses === undefined ? undefined : byOf(params.bytes.toString('utf8', responses.start, responses.end)),
  };
}

/** Who answered, as the answer says. */
function byOf(answer: string): string | undefined {
  return /"by":"([^"]*)"/.exec(answer)?.[1];
}
