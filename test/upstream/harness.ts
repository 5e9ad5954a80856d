import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { systemClock, systemRandom } from '../../packages/breakwater/src/clock.ts';
import type { GatewayEvent } from '../../packages/breakwater/src/core/events.ts';
import type {
  CallControl,
  CallNotification,
  ClientFacts,
  Handle,
  HandleNeed,
  Lease,
  Outcome,
  ServerQuestion,
  Upstream,
  UpstreamCall,
} from '../../packages/breakwater/src/core/ports.ts';
import { encodeJson, scanObject } from '../../packages/breakwater/src/jsonrpc/raw.ts';
import { type JsonObject, NO_QUESTIONS, profileOf } from '../../packages/breakwater/src/protocol/capabilities.ts';
import type { Revision } from '../../packages/breakwater/src/protocol/revision.ts';
import type { ResolvedUpstream } from '../../packages/breakwater/src/upstream/options.ts';
import { createUpstream, type UpstreamDeps } from '../../packages/breakwater/src/upstream/upstream.ts';

/** Options every test upstream starts from. Waits are long: no test depends on one running out unless it says so. */
export const COMMON = {
  name: 'test',
  era: 'auto',
  isolation: 'auto',
  limits: { handles: 8, acquireTimeoutMs: 20_000, startTimeoutMs: 20_000 },
  probeTimeoutMs: 10_000,
  idleMs: 600_000,
  restart: { minDelayMs: 1, maxDelayMs: 5 },
  maxMessageBytes: 1_048_576,
} as const;

/** Options of a child that runs a script of this repository. */
export function script(
  path: string,
  ...args: string[]
): { kind: 'stdio'; command: string; args: string[]; env: Record<string, string> } {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  return { kind: 'stdio', command: process.execPath, args: [file, ...args], env: {} };
}

/** Options of a child that misbehaves in this way. */
export function scripted(mode: string, value = ''): ReturnType<typeof script> {
  return script('test/upstream/servers/scripted-server.ts', mode, value);
}

/** An upstream under test, with everything it reported. */
export interface TestUpstream extends AsyncDisposable {
  readonly upstream: Upstream;
  readonly events: GatewayEvent[];
  readonly logs: { readonly message: string; readonly line: string }[];
  /** Resolves with the first match among the lines of the children's stderr, now or later. */
  stderr(pattern: RegExp): Promise<RegExpExecArray>;
  /** Pids that children said they have. */
  pids(): number[];
  /** Methods sent to the server, in order. */
  sent(): string[];
}

/** Makes an upstream that is closed when the test leaves its scope. */
export function testUpstream(config: Partial<ResolvedUpstream>, deps: Partial<UpstreamDeps> = {}): TestUpstream {
  const events: GatewayEvent[] = [];
  const logs: { message: string; line: string }[] = [];
  const waiting = new Set<() => void>();
  const upstream = createUpstream({ ...COMMON, ...config } as ResolvedUpstream, {
    clock: systemClock,
    random: systemRandom,
    version: '0.0.0-test',
    emit: (event) => void events.push(event),
    log: (_level, message, detail) => {
      logs.push({ message, line: String(detail?.['line'] ?? JSON.stringify(detail ?? {})) });
      for (const check of [...waiting]) check();
    },
    ...deps,
  });
  const find = (pattern: RegExp): RegExpExecArray | undefined => {
    for (const { message, line } of logs) {
      const match = message === 'stderr' ? pattern.exec(line) : null;
      if (match !== null) return match;
    }
    return undefined;
  };
  return {
    upstream,
    events,
    logs,
    stderr: (pattern) =>
      new Promise((resolve) => {
        const check = (): void => {
          const match = find(pattern);
          if (match === undefined) return;
          waiting.delete(check);
          resolve(match);
        };
        waiting.add(check);
        check();
      }),
    pids: () => logs.flatMap(({ line }) => (/^(?:pid|helper) \d+$/.test(line) ? [Number(line.split(' ')[1])] : [])),
    sent: () => events.flatMap((event) => (event.type === 'upstream-request' ? [event.method] : [])),
    [Symbol.asyncDispose]: () => upstream.close(),
  };
}

/** What a client says of itself. */
export function client(revision: Revision = '2025-11-25', capabilities: JsonObject = {}): ClientFacts {
  return {
    revision,
    info: encodeJson({ name: 'tester', version: '1' }),
    capabilities,
    profile: profileOf(capabilities),
  };
}

/** A need of one person's client. */
export function need(overrides: Partial<HandleNeed> = {}): HandleNeed {
  return {
    principal: { key: 'alice', personal: true },
    sessionId: undefined,
    profile: NO_QUESTIONS,
    clientInfo: undefined,
    deadline: Date.now() + 20_000,
    ...overrides,
  };
}

/** A call under way and what it brought so far. */
export interface TestCall {
  readonly done: Promise<Outcome>;
  readonly control: CallControl;
  readonly notifications: CallNotification[];
  /** Resolves with the first question. */
  readonly asked: Promise<ServerQuestion>;
  readonly questions: ServerQuestion[];
}

/** Starts a request on a handle. */
export function start(
  handle: Handle,
  method: string,
  params?: object,
  overrides: Partial<UpstreamCall> = {},
  onQuestion: (question: ServerQuestion) => void = () => undefined,
): TestCall {
  const done = Promise.withResolvers<Outcome>();
  const asked = Promise.withResolvers<ServerQuestion>();
  const notifications: CallNotification[] = [];
  const questions: ServerQuestion[] = [];
  const control = handle.call(
    {
      method,
      params: params === undefined ? undefined : scanObject(encodeJson(params)),
      client: client(),
      progress: false,
      logLevel: undefined,
      ...overrides,
    },
    {
      notify: (notification) => void notifications.push(notification),
      ask: (question) => {
        questions.push(question);
        asked.resolve(question);
        onQuestion(question);
      },
      done: (outcome) => done.resolve(outcome),
    },
  );
  return { done: done.promise, control, notifications, questions, asked: asked.promise };
}

/** Calls a tool and waits for its outcome. */
export function callTool(
  handle: Handle,
  name: string,
  args: object = {},
  overrides: Partial<UpstreamCall> = {},
): Promise<Outcome> {
  return start(handle, 'tools/call', { name, arguments: args }, overrides).done;
}

/** The parsed result or error of an outcome; a failure is thrown. */
export function jsonOf<T = JsonObject>(outcome: Outcome): T {
  if (outcome.kind === 'failed') throw outcome.error;
  return JSON.parse((outcome.kind === 'result' ? outcome.result : outcome.error).toString()) as T;
}

/** The text of a tool result's first block. */
export function textOf(outcome: Outcome): string {
  const { content } = jsonOf<{ content?: { text: string }[] }>(outcome);
  return content?.[0]?.text ?? '';
}

/** Parsed params of what a call was notified of. */
export function paramsOf(notification: CallNotification): JsonObject {
  const { params } = notification;
  return params === undefined
    ? {}
    : (JSON.parse(params.bytes.toString('utf8', params.start, params.end)) as JsonObject);
}

/** Acquires a handle, uses it and gives it back. */
export async function using<T>(
  upstream: Upstream,
  run: (handle: Handle, lease: Lease) => Promise<T>,
  wanted = need(),
): Promise<T> {
  const lease = await upstream.acquire(wanted);
  try {
    return await run(lease.handle, lease);
  } finally {
    lease.release();
  }
}

/** True for a process that runs; one that only waits to be reaped does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false; // no such process
  }
}

/** Pids of this process's children, dead or alive: an entry after a test is a leak or a zombie. */
export function childPids(): number[] {
  return readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}
