import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock, systemRandom } from '../../packages/breakwater/src/clock.ts';
import { GatewayError } from '../../packages/breakwater/src/core/errors.ts';
import type { GatewayEvent } from '../../packages/breakwater/src/core/events.ts';
import type { Exchange } from '../../packages/breakwater/src/core/exchange.ts';
import type { Forwarded } from '../../packages/breakwater/src/core/fleet.ts';
import { MemberCall } from '../../packages/breakwater/src/core/member-call.ts';
import type {
  CallControl,
  CallNotification,
  Handle,
  HandleNeed,
  Outcome,
  ServerQuestion,
} from '../../packages/breakwater/src/core/ports.ts';
import type { RouteMember } from '../../packages/breakwater/src/core/route.ts';
import { ServerViews } from '../../packages/breakwater/src/core/server-view.ts';
import type { Store } from '../../packages/breakwater/src/core/store.ts';
import { type Fleet, openFleet } from '../../packages/breakwater/src/fleet/fleet.ts';
import { encodeJson, scanObject } from '../../packages/breakwater/src/jsonrpc/raw.ts';
import { NO_QUESTIONS, profileOf } from '../../packages/breakwater/src/protocol/capabilities.ts';
import { methodTraits } from '../../packages/breakwater/src/protocol/methods.ts';
import type { ResolvedUpstream } from '../../packages/breakwater/src/upstream/options.ts';
import { createUpstream, type WatchedUpstream } from '../../packages/breakwater/src/upstream/upstream.ts';
import { startTcpProxy, type TcpProxy } from '../fixtures/tcp-proxy.ts';

/** A secret that all nodes of a test share. */
export const SECRET = 'the secret of a fleet that only tests know';
const TOOLS_SERVER = fileURLToPath(new URL('tools-server.ts', import.meta.url));
const LIMIT_MS = 25_000;

/** A node as far as this part of the fleet goes: peers, ownership, and one upstream called `tools`. */
export interface PartNode extends AsyncDisposable {
  readonly fleet: Fleet;
  readonly upstream: WatchedUpstream;
  readonly events: GatewayEvent[];
  /** Closes the upstream first, as the app does. */
  close(): Promise<void>;
}

/** What a node is started with beside its store. */
export interface PartOptions {
  readonly upstream: ResolvedUpstream;
  readonly secrets?: readonly string[];
  readonly leaseMs?: number;
  readonly port?: number;
  /** The port that other nodes are told. */
  readonly advertisedPort?: number;
  readonly onForwarded?: (request: IncomingMessage, response: ServerResponse, forwarded: Forwarded) => void;
}

export async function startNode(store: Store, options: PartOptions): Promise<PartNode> {
  const events: GatewayEvent[] = [];
  const emit = (event: GatewayEvent): void => void events.push(event);
  const fleet = await openFleet({
    store,
    secrets: options.secrets ?? [SECRET],
    listen: { host: '127.0.0.1', port: options.port ?? 0 },
    advertise: { port: options.advertisedPort },
    leaseMs: options.leaseMs,
    clock: systemClock,
    machine: systemClock,
    emit,
    upstream: (name) => (name === 'tools' ? upstream : undefined),
    onForwarded: options.onForwarded ?? ((_request, response) => void response.end()),
  });
  const upstream = createUpstream(options.upstream, {
    clock: systemClock,
    random: systemRandom,
    emit,
    log: () => undefined,
    version: '0.0.0',
    ownership: fleet.ownership,
    sessions: fleet.sessions,
  });
  const close = async (): Promise<void> => {
    await upstream.close();
    await fleet.close();
  };
  return { fleet, upstream, events, close, [Symbol.asyncDispose]: close };
}

const COMMON = {
  name: 'tools',
  isolation: 'auto',
  limits: { handles: 8, acquireTimeoutMs: 10_000, startTimeoutMs: LIMIT_MS },
  probeTimeoutMs: 1_000,
  idleMs: 300_000,
  restart: { minDelayMs: 50, maxDelayMs: 100 },
  maxMessageBytes: 64 * 1024 * 1024,
} as const;

/** The tools server as an upstream; it notes what it does in `file`, and takes so long to start. */
export function toolsUpstream(file: string, startMs = 0): ResolvedUpstream {
  return {
    ...COMMON,
    kind: 'stdio',
    era: 'legacy',
    command: process.execPath,
    args: [TOOLS_SERVER],
    env: { EFFECTS: file, START_MS: String(startMs) },
  };
}

/** A 2025 server as an upstream. */
export function httpUpstream(url: string): ResolvedUpstream {
  return { ...COMMON, kind: 'http', era: 'legacy', url, transport: 'streamable-http', headers: {} };
}

/** A file for effects, gone with the test. */
export async function effectsFile(): Promise<{ path: string; lines: () => Promise<string[]> } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-parts-'));
  const path = join(folder, 'effects');
  return {
    path,
    lines: async () => (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== ''),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const CAPABILITIES = { elicitation: { form: {} }, roots: {} };

/** What one person needs a handle for. */
export function needOf(principal = 'ann', overrides: Partial<HandleNeed> = {}): HandleNeed {
  return {
    principal: { key: principal, personal: true },
    sessionId: undefined,
    profile: profileOf(CAPABILITIES),
    clientInfo: Buffer.from('{"name":"test","version":"1"}'),
    deadline: Date.now() + LIMIT_MS,
    ...overrides,
  };
}

/** Calls a tool as the gateway does: with a lease of its own, and once more where the owner never began it. */
export function callAsGateway({ upstream }: PartNode, name: string, args: object = {}): Promise<Outcome> {
  const params = scanObject(encodeJson({ name, arguments: args }));
  const client = { revision: '2025-11-25', info: undefined, capabilities: {}, profile: NO_QUESTIONS } as const;
  const exchange: Exchange = {
    id: 'x',
    route: '/mcp',
    principal: { key: 'ann', personal: true },
    client,
    sessionId: undefined,
    method: 'tools/call',
    traits: methodTraits('tools/call'),
    params,
    name,
    progress: false,
    logLevel: undefined,
    startedAt: 0,
  };
  const member: RouteMember = {
    upstream,
    prefix: '',
    cached: true,
    ttlMs: 60_000,
    crossTasks: false,
    disabledTools: new Set(),
    acquireTimeoutMs: 20_000,
    requestTimeoutMs: LIMIT_MS,
  };
  const views = new ServerViews({ clock: systemClock, emit: () => undefined, limit: 1 });
  return new Promise((resolve) => {
    const call = new MemberCall(
      { clock: systemClock, views },
      exchange,
      { members: [member], params, repeatable: false },
      {
        suspended: false,
        starting: () => undefined,
        succeed: () => undefined,
        notify: () => undefined,
        ask: () => undefined,
        done: resolve,
      },
    );
    void call.send();
  });
}

/** A call under way. */
export interface Called extends CallControl {
  readonly outcome: Promise<Outcome>;
  readonly outcomes: Outcome[];
  readonly notifications: CallNotification[];
}

/** Calls a tool on a handle. */
export function callTool(
  handle: Handle,
  name: string,
  args: object = {},
  options: { onAsk?: (question: ServerQuestion) => void; onNotify?: (notification: CallNotification) => void } = {},
): Called {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const outcomes: Outcome[] = [];
  const notifications: CallNotification[] = [];
  const control = handle.call(
    {
      method: 'tools/call',
      params: scanObject(encodeJson({ name, arguments: args })),
      client: { revision: '2025-11-25', info: undefined, capabilities: CAPABILITIES, profile: profileOf(CAPABILITIES) },
      progress: false,
      logLevel: undefined,
    },
    {
      notify: (notification) => {
        notifications.push(notification);
        options.onNotify?.(notification);
      },
      ask: (question) => options.onAsk?.(question),
      done: (outcome) => {
        outcomes.push(outcome);
        resolve(outcome);
      },
    },
  );
  return {
    outcome: promise,
    outcomes,
    notifications,
    cancel: (reason) => control.cancel(reason),
    pause: () => control.pause(),
    resume: () => control.resume(),
  };
}

/** The text that a tool answered, or the code of the error it ended with. */
export function textOf(outcome: Outcome): string {
  if (outcome.kind === 'failed') return 'code' in outcome.error ? String(outcome.error.code) : outcome.error.message;
  if (outcome.kind === 'error') return outcome.error.toString();
  const result = JSON.parse(outcome.result.toString()) as { readonly content: readonly { readonly text: string }[] };
  return result.content[0]?.text ?? '';
}

/** Borrows a handle, calls a tool, gives it back. */
export async function callOnce(node: PartNode, name: string, args: object = {}, need = needOf()): Promise<string> {
  const lease = await node.upstream.acquire(need);
  try {
    return textOf(await callTool(lease.handle, name, args).outcome);
  } finally {
    lease.release();
  }
}

/** A way to a store that can be cut. */
export function cuttable(store: Store): { readonly store: Store; isCut: boolean } {
  const way = {
    isCut: false,
    store: new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (way.isCut) return Promise.reject(new GatewayError('store.unavailable'));
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    }),
  };
  return way;
}

/** A path to a node that is going to listen there, and can be disturbed. */
export async function pathToNode(): Promise<{ path: TcpProxy; ports: { port: number; advertisedPort: number } }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const path = await startTcpProxy(port);
  return { path, ports: { port, advertisedPort: path.port } };
}

/** Waits until it is so, and throws when it never is. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (Date.now() > limit) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
