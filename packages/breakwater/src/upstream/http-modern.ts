import { GatewayError } from '../core/errors.ts';
import type { CallControl, CallSink, Outcome, ServerChange, UpstreamCall } from '../core/ports.ts';
import { gatewayClient } from '../core/snapshot.ts';
import { makeId, type RawId } from '../jsonrpc/id.ts';
import type { RpcError } from '../jsonrpc/message.ts';
import { encodeJson, scanObject } from '../jsonrpc/raw.ts';
import { clientCapabilitiesFor } from '../protocol/bridge/capabilities.ts';
import { bridgeParams } from '../protocol/bridge/request.ts';
import { isObject, type JsonObject, type ServerFacts } from '../protocol/capabilities.ts';
import { modernRequestHeaders } from '../protocol/modern/headers.ts';
import { MODERN_REVISIONS, type ModernRevision } from '../protocol/revision.ts';
import { CallList } from './call-list.ts';
import { HandleListeners } from './http-changes.ts';
import { type HttpLeg, isAnswer, type LegRequest, postRequest, warn } from './http-leg.ts';
import { ModernCall, type ModernCallHost } from './http-modern-call.ts';
import type { ResponseReader } from './http-response.ts';
import { ToolHeaders } from './http-tool-headers.ts';
import { ModernFeed } from './modern-feed.ts';
import type { OpenedHandle } from './opener.ts';

/** What a modern handle is made of. */
export interface ModernHandleOptions {
  readonly leg: HttpLeg;
  readonly id: string;
  readonly revision: ModernRevision;
  readonly server: ServerFacts;
  /** The gateway's own `clientInfo`, for its own requests and for clients that do not say who they are. */
  readonly clientInfo: Buffer;
  /** A tool's `inputSchema` as JSON bytes, when somebody has it at hand; without it the handle asks the server. */
  readonly toolSchema?: ((tool: string) => Promise<Buffer | undefined>) | undefined;
  /** The server answered like one that does not speak this era: what is known of it is wrong. */
  readonly onEraLost: () => void;
}

/**
 * A handle on a 2026-07-28 server. There is no session: every request says for itself who asks and what its client can be asked, so
 * many clients may share the handle.
 */
export class HttpModernHandle implements OpenedHandle {
  readonly id: string;
  readonly upstream: string;
  readonly hasSession = false;
  readonly server: ServerFacts;
  readonly #options: ModernHandleOptions;
  readonly #leg: HttpLeg;
  readonly #calls = new CallList<ModernCall>();
  readonly #listens = new Map<RawId, ResponseReader>();
  readonly #listeners = new HandleListeners();
  readonly #feed: ModernFeed;
  readonly #tools: ToolHeaders;
  readonly #host: ModernCallHost;
  #revision: ModernRevision;
  #nextId = 1;

  constructor(options: ModernHandleOptions) {
    this.#options = options;
    this.#leg = options.leg;
    this.#revision = options.revision;
    this.id = options.id;
    this.upstream = options.leg.upstream;
    this.server = options.server;
    this.#feed = new ModernFeed({
      capabilities: options.server.capabilities,
      clock: options.leg.clock,
      listen: (filter, onEnd) => this.#listen(filter, onEnd),
      cancel: (id) => {
        this.#listens.get(id)?.abort();
        this.#listens.delete(id);
      },
      onChange: (change) => this.#report(change),
    });
    this.#tools = new ToolHeaders({ toolSchema: options.toolSchema, readPage: (cursor) => this.#readTools(cursor) });
    this.#host = this.#makeHost();
  }

  get revision(): ModernRevision {
    return this.#revision;
  }

  call(call: UpstreamCall, sink: CallSink): CallControl {
    const running = new ModernCall(this.#host, call, sink);
    this.#calls.add(running);
    if (this.#listeners.endReason === undefined) running.start();
    else queueMicrotask(() => running.finish(lost('the handle has ended')));
    return running;
  }

  openFeed(): Promise<boolean> {
    return this.#feed.open();
  }

  watch(uri: string): Promise<boolean> {
    return this.#feed.watch(uri);
  }

  unwatch(uri: string): Promise<void> {
    return this.#feed.unwatch(uri);
  }

  watchTask(taskId: string): Promise<boolean> {
    return this.#feed.watchTask(taskId);
  }

  unwatchTask(taskId: string): Promise<void> {
    return this.#feed.unwatchTask(taskId);
  }

  onChange(listener: (change: ServerChange) => void): () => void {
    return this.#listeners.onChange(listener);
  }

  onPage(listener: (elicitationId: string) => void): () => void {
    return this.#listeners.onPage(listener);
  }

  onProgress(): () => void {
    // There is no progress on tasks of the modern era (SEP-2663).
    return () => undefined;
  }

  onQuestion(): () => void {
    // A modern server has no way to ask outside of a result.
    return () => undefined;
  }

  onEnd(listener: (reason: string) => void): () => void {
    return this.#listeners.onEnd(listener);
  }

  close(reason: string): Promise<void> {
    this.#end(reason);
    return Promise.resolve();
  }

  #end(reason: string): void {
    if (!this.#listeners.end(reason)) return;
    this.#feed.end();
    for (const reader of this.#listens.values()) reader.abort();
    this.#listens.clear();
    for (const call of [...this.#calls]) call.finish(lost(reason));
  }

  #makeHost(): ModernCallHost {
    const handle = this;
    return {
      leg: this.#leg,
      get revision() {
        return handle.#revision;
      },
      request: (call, paramHeaders) => this.#request(call, paramHeaders),
      paramHeaders: (call) => (call.method === 'tools/call' ? this.#tools.headersOf(call.params) : NO_HEADERS),
      refreshHeaders: () => this.#tools.refresh(),
      changeRevision: (error) => this.#changeRevision(error),
      onEraLost: (detail) => this.#loseEra(detail),
      onOver: (call) => this.#calls.delete(call),
    };
  }

  #request(call: UpstreamCall, paramHeaders: Readonly<Record<string, string>>): LegRequest {
    const id = this.#nextId++;
    const { revision, info, capabilities } = call.client;
    const params = bridgeParams(call, {
      revision: this.#revision,
      progressToken: call.progress ? id : undefined,
      logLevel: call.logLevel,
      clientInfo: info ?? this.#options.clientInfo,
      clientCapabilities: clientCapabilitiesFor(capabilities, revision, this.#revision, {
        canAsk: true,
        tasks: call.task !== undefined,
      }),
    });
    const headers = modernRequestHeaders({ revision: this.#revision, method: call.method, params: call.params });
    return { id: makeId(id), method: call.method, params, headers: toLines({ ...headers, ...paramHeaders }) };
  }

  // The filter is the gateway's own, so it needs no scanning for a name.
  #listen(filter: JsonObject, onEnd: () => void): RawId {
    const call = this.#ownCall('subscriptions/listen', { notifications: filter });
    const task = 'taskIds' in filter ? { ttlMs: 0 } : undefined;
    const request = this.#request({ ...call, task }, NO_HEADERS);
    const finish = (): void => {
      if (this.#listens.delete(request.id)) onEnd();
    };
    const reader = postRequest(this.#leg, request, {
      onMessage: (message) => {
        if (message.kind === 'notification') this.#feed.receive(message);
        else if (isAnswer(message, request.id)) {
          reader.release();
          finish();
        }
      },
      onFault: (fault) => warn(this.#leg, 'The feed brought something that is no message.', { fault: fault.message }),
      onEnd: finish,
    });
    this.#listens.set(request.id, reader);
    return request.id;
  }

  // Bounded, because somebody's call waits for it.
  #readTools(cursor: string | undefined): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const finish = (result: Buffer | undefined): void => {
        timer.clear();
        resolve(result);
      };
      const timer = this.#leg.clock.after(LIST_MS, () => {
        control.cancel('timeout');
        finish(undefined);
      });
      const call = this.#ownCall('tools/list', cursor === undefined ? undefined : { cursor });
      const control = this.call(call, {
        notify: () => undefined,
        ask: () => undefined,
        done: (outcome) => finish(outcome.kind === 'result' ? outcome.result : undefined),
      });
    });
  }

  #ownCall(method: string, params: object | undefined): UpstreamCall {
    const raw = params === undefined ? undefined : scanObject(encodeJson(params));
    return { method, params: raw, client: gatewayClient(this.#revision), progress: false, logLevel: undefined };
  }

  #report(change: ServerChange): void {
    if (change.kind === 'tools') this.#tools.forget();
    this.#listeners.report(change);
  }

  #changeRevision(error: RpcError): boolean {
    const supported = supportedVersions(error);
    const other = MODERN_REVISIONS.find((revision) => supported.includes(revision));
    if (other === undefined) this.#loseEra(`unsupported protocol version; supported: ${supported.join(', ')}`);
    else this.#revision = other;
    return other !== undefined;
  }

  #loseEra(detail: string): void {
    if (this.#listeners.endReason !== undefined) return;
    warn(this.#leg, 'The server does not speak the modern era any more; it is asked anew.', { detail });
    this.#options.onEraLost();
    // Calls under way may still be answered; new ones go to the next handle.
    if (this.#listeners.end('era changed')) this.#feed.end();
  }
}

const LIST_MS = 5_000;
const NO_HEADERS: Readonly<Record<string, string>> = {};

/** The protocol versions that a -32022 error says are served; none when it does not say. */
export function supportedVersions(error: RpcError): readonly string[] {
  const supported = isObject(error.data) ? error.data['supported'] : undefined;
  return Array.isArray(supported) ? supported.filter((version) => typeof version === 'string') : [];
}

/** Headers as undici takes them fastest: names and values by turns. */
export function toLines(headers: Readonly<Record<string, string>>): string[] {
  const lines: string[] = [];
  for (const name in headers) lines.push(name, headers[name] ?? '');
  return lines;
}

function lost(reason: string): Outcome {
  return { kind: 'failed', error: new GatewayError('upstream.lost', { cause: reason }) };
}
