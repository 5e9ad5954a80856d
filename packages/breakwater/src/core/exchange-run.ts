import { memberValue, scanObject } from '../jsonrpc/raw.ts';
import { RpcCode } from '../jsonrpc/message.ts';
import { handleNeed } from './catalogue.ts';
import type { Emit, ExchangeRecord } from './events.ts';
import { GatewayError, toGatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { CallControl, CallNotification, CallSink, Clock, Lease, Outcome, Reply, ServerChange, ServerQuestion, Timer } from './ports.ts';
import type { Target } from './resolver.ts';
import type { RouteMember } from './route.ts';
import type { ServerViews } from './server-view.ts';

const CHANGES: Readonly<Record<string, ServerChange['kind']>> = {
  'notifications/tools/list_changed': 'tools',
  'notifications/prompts/list_changed': 'prompts',
  'notifications/resources/list_changed': 'resources',
  'notifications/resources/updated': 'updated',
};

/** What a run works with. */
export interface RunDeps {
  readonly exchange: Exchange;
  readonly reply: Reply;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly views: ServerViews;
}

/** One exchange while it runs: holds its lease, its call and its deadline, and reports it exactly once when it ends. */
export class ExchangeRun implements CallSink {
  readonly #deps: RunDeps;
  #lease: Lease | undefined;
  #control: CallControl | undefined;
  #deadline: Timer | undefined;
  #target: Target | undefined;
  #attempt = 0;
  #ended = false;
  #paused = false;

  constructor(deps: RunDeps) {
    this.#deps = deps;
  }

  /** Ends the exchange with a result that no server was asked for; it is in the client's own form. */
  answerAtEdge(result: Buffer): void {
    if (this.#ended) return;
    const { exchange, reply } = this.#deps;
    reply.done({ kind: 'result', revision: exchange.client.revision, result });
    this.#end('ok', undefined);
  }

  /** Ends the exchange with an error of the gateway. */
  fail(error: GatewayError): void {
    if (this.#ended) return;
    this.#deps.reply.done({ kind: 'failed', error });
    this.#end('failed', error);
  }

  /** Ends the exchange without an answer: the client said so or is gone. */
  cancel(reason: string): void {
    if (this.#ended) return;
    this.#control?.cancel(reason);
    this.#end('cancelled', undefined);
  }

  /** Runs the exchange on the first member that takes it. */
  async forward(target: Target): Promise<void> {
    this.#target = target;
    this.#attempt = 0;
    await this.#tryNext();
  }

  notify(notification: CallNotification): void {
    if (this.#ended) return;
    const change = CHANGES[notification.method];
    if (change !== undefined) {
      this.#reportChange(change, notification);
      return;
    }
    if (this.#deps.reply.notify(notification) || this.#paused) return;
    this.#paused = true;
    this.#control?.pause();
    this.#deps.reply.onDrain(() => {
      this.#paused = false;
      this.#control?.resume();
    });
  }

  ask(question: ServerQuestion): void {
    question.answer({ error: { code: RpcCode.methodNotFound, message: 'This client cannot be asked.' } });
  }

  done(outcome: Outcome): void {
    if (this.#ended) return;
    const serverInfo = this.#lease?.handle.server.info;
    this.#release();
    if (outcome.kind === 'error' && this.#hasNext() && isNotFound(outcome.error)) {
      void this.#tryNext();
      return;
    }
    this.#deps.reply.done(outcome.kind === 'result' && serverInfo !== undefined ? { ...outcome, serverInfo } : outcome);
    if (outcome.kind === 'failed') this.#end('failed', toGatewayError(outcome.error));
    else this.#end(outcome.kind === 'result' ? 'ok' : 'error', undefined);
  }

  async #tryNext(): Promise<void> {
    const member = this.#target?.members[this.#attempt++];
    if (member === undefined) return this.fail(new GatewayError('upstream.unavailable'));
    try {
      const lease = await member.upstream.acquire(handleNeed(member, this.#deps.exchange, this.#deps.clock.now()));
      if (this.#ended) return lease.release();
      this.#lease = lease;
      this.#call(member, lease);
    } catch (error) {
      if (this.#hasNext()) await this.#tryNext();
      else this.fail(toGatewayError(error));
    }
  }

  #call(member: RouteMember, lease: Lease): void {
    const { exchange, clock } = this.#deps;
    this.#deadline = clock.after(member.requestTimeoutMs, () => {
      this.#control?.cancel('deadline');
      this.fail(new GatewayError('upstream.timeout'));
    });
    this.#control = lease.handle.call(
      {
        method: exchange.method,
        params: this.#target?.params,
        client: exchange.client,
        progress: exchange.progress,
        logLevel: exchange.logLevel,
        idempotent: this.#target?.repeatable === true,
      },
      this,
    );
  }

  #hasNext(): boolean {
    return this.#target !== undefined && this.#attempt < this.#target.members.length;
  }

  // A change that a server mentions on a request's stream is news for every subscriber, and the modern era forbids it there.
  #reportChange(kind: ServerChange['kind'], notification: CallNotification): void {
    const member = this.#target?.members[this.#attempt - 1];
    if (member === undefined) return;
    const uri = notification.params === undefined ? undefined : memberValue(notification.params, 'uri');
    const change = typeof uri === 'string' ? { kind, uri, params: notification.params } : { kind, params: notification.params };
    this.#deps.views.get(member.upstream, this.#deps.exchange.principal, member).report(change);
  }

  #release(): void {
    this.#deadline?.clear();
    this.#deadline = undefined;
    this.#control = undefined;
    this.#lease?.release();
    this.#lease = undefined;
  }

  #end(outcome: ExchangeRecord['outcome'], error: GatewayError | undefined): void {
    this.#ended = true;
    this.#release();
    const { exchange, clock, emit } = this.#deps;
    emit({
      type: 'exchange',
      record: {
        id: exchange.id,
        route: exchange.route,
        principal: exchange.principal.key,
        sessionId: exchange.sessionId,
        revision: exchange.client.revision,
        method: exchange.method,
        name: exchange.name,
        startedAt: exchange.startedAt,
        durationMs: clock.now() - exchange.startedAt,
        outcome,
        code: error?.code,
        edge: this.#target === undefined,
        upstream: this.#target?.members[this.#attempt - 1]?.upstream.name,
      },
    });
    if (error !== undefined && error.row.side !== 'client') {
      emit({ type: 'notice', level: 'warn', message: error.message, detail: { exchange: exchange.id, method: exchange.method, code: error.code, cause: error.cause } });
    }
  }
}

function isNotFound(error: Buffer): boolean {
  const object = scanObject(error);
  const code = object === undefined ? undefined : memberValue(object, 'code');
  return code === RpcCode.resourceNotFound || code === RpcCode.invalidParams;
}
