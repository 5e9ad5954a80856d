import { randomUUID } from 'node:crypto';
import type { GatewayEvent } from '../../../packages/breakwater/src/core/events.ts';
import type {
  CallControl,
  CallNotification,
  ClientFacts,
  Clock,
  Handle,
  Outcome,
  ServerChange,
  ServerQuestion,
  UpstreamCall,
} from '../../../packages/breakwater/src/core/ports.ts';
import { encodeJson, scanObject } from '../../../packages/breakwater/src/jsonrpc/raw.ts';
import { type CapabilityProfile, NO_QUESTIONS } from '../../../packages/breakwater/src/protocol/capabilities.ts';
import {
  createHttpOpener,
  type HttpOpenDeps,
  type HttpOpener,
} from '../../../packages/breakwater/src/upstream/http-open.ts';
import type { OpenedHandle, OpenNeed } from '../../../packages/breakwater/src/upstream/opener.ts';
import type { HttpUpstreamOptions } from '../../../packages/breakwater/src/upstream/options.ts';

/** The machine's own time, in timers that do not keep the process alive. */
export const realClock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs).unref();
    return { clear: () => clearTimeout(timer) };
  },
};

/** A client that can be asked everything. */
export const ASKABLE: CapabilityProfile = {
  elicitForm: true,
  elicitUrl: true,
  sampling: true,
  samplingTools: false,
  samplingContext: false,
  roots: true,
};

/** A legacy client with a form for its user. */
export const CLIENT: ClientFacts = {
  revision: '2025-11-25',
  info: Buffer.from('{"name":"test-client","version":"1"}'),
  capabilities: { elicitation: { form: {} } },
  profile: { ...NO_QUESTIONS, elicitForm: true },
};

/** An opener and what it reported. */
export interface Opening {
  readonly opener: HttpOpener;
  readonly events: readonly GatewayEvent[];
  /** Methods sent upstream, as the event log has them. */
  readonly sent: readonly string[];
  open(need?: Partial<OpenNeed>): Promise<OpenedHandle>;
  close(): Promise<void>;
}

/** Makes an opener for `url`; `close` closes the handles it opened. */
export function makeOpening(
  url: string,
  options: Partial<HttpUpstreamOptions> = {},
  deps: Partial<HttpOpenDeps> = {},
): Opening {
  const events: GatewayEvent[] = [];
  const handles: OpenedHandle[] = [];
  const opener = createHttpOpener(
    {
      kind: 'http',
      name: 'up',
      url,
      transport: 'auto',
      era: 'auto',
      headers: {},
      isolation: 'auto',
      limits: { handles: 8, acquireTimeoutMs: 10_000, startTimeoutMs: 20_000 },
      probeTimeoutMs: 5_000,
      idleMs: 60_000,
      restart: { minDelayMs: 1, maxDelayMs: 10 },
      maxMessageBytes: 64 * 1024 * 1024,
      ...options,
    },
    { clock: realClock, emit: (event) => void events.push(event), version: '0.0.0-test', ...deps },
  );
  return {
    opener,
    events,
    get sent() {
      return events.flatMap((event) => (event.type === 'upstream-request' ? [event.method] : []));
    },
    async open(need = {}) {
      const handle = await opener.open({
        profile: NO_QUESTIONS,
        clientInfo: undefined,
        deadline: realClock.now() + 20_000,
        handleId: randomUUID(),
        shared: false,
        signal: new AbortController().signal,
        ...need,
      });
      handles.push(handle);
      return handle;
    },
    async close() {
      await Promise.all(handles.map((handle) => handle.close('test over')));
      await opener.close();
    },
  };
}

/** A call under way and what it brought so far. */
export interface Running {
  readonly control: CallControl;
  readonly outcome: Promise<Outcome>;
  readonly notifications: CallNotification[];
  readonly questions: ServerQuestion[];
}

/** What {@link startCall} can be told beside the request. */
export type CallExtras = Partial<Omit<UpstreamCall, 'method' | 'params'>> & {
  readonly onAsk?: (question: ServerQuestion) => void;
  readonly onNotify?: (notification: CallNotification) => void;
};

/** Starts a call. */
export function startCall(handle: Handle, method: string, params?: object, extras: CallExtras = {}): Running {
  const { onAsk, onNotify, ...rest } = extras;
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const notifications: CallNotification[] = [];
  const questions: ServerQuestion[] = [];
  const raw = params === undefined ? undefined : scanObject(encodeJson(params));
  const call: UpstreamCall = { method, params: raw, client: CLIENT, progress: false, logLevel: undefined, ...rest };
  const control = handle.call(call, {
    notify: (notification) => {
      notifications.push(notification);
      onNotify?.(notification);
    },
    ask: (question) => {
      questions.push(question);
      onAsk?.(question);
    },
    done: resolve,
  });
  return { control, outcome: promise, notifications, questions };
}

/** Runs a call and returns its result as JSON; rejects when it ended otherwise. */
export async function callResult(
  handle: Handle,
  method: string,
  params?: object,
  extras: CallExtras = {},
): Promise<Record<string, unknown>> {
  const outcome = await startCall(handle, method, params, extras).outcome;
  if (outcome.kind === 'failed') throw outcome.error;
  if (outcome.kind === 'error') throw new Error(outcome.error.toString());
  return JSON.parse(outcome.result.toString()) as Record<string, unknown>;
}

/** Calls a tool and returns the text of its first content block. */
export async function callTool(
  handle: Handle,
  name: string,
  args: object = {},
  extras: CallExtras = {},
): Promise<string> {
  const result = await callResult(handle, 'tools/call', { name, arguments: args }, extras);
  const [block] = result['content'] as { text?: string }[];
  return block?.text ?? '';
}

/** What a call failed with: `failed <gateway code>` or `error <JSON-RPC code>`. */
export async function failureOf(running: Running): Promise<string> {
  const outcome = await running.outcome;
  if (outcome.kind === 'result') return `result ${outcome.result.toString()}`;
  if (outcome.kind === 'error') return `error ${(JSON.parse(outcome.error.toString()) as { code: number }).code}`;
  return `failed ${(outcome.error as { code?: string }).code}`;
}

/** Resolves with the next change that `which` accepts. */
export function nextChange(handle: Handle, which: (change: ServerChange) => boolean): Promise<ServerChange> {
  return new Promise((resolve) => {
    const remove = handle.onChange((change) => {
      if (!which(change)) return;
      remove();
      resolve(change);
    });
  });
}
