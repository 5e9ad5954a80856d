import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { type Outcome, outcomeOfError, outcomeOfResult } from './outcome.ts';

/** Tools of the servers of this test. */
export type Tool = 'note' | 'slow' | 'ask';

/** One call as its client saw it. */
export interface CallRecord {
  readonly call: string;
  readonly client: string;
  readonly tool: Tool;
  readonly outcome: Outcome;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** A client that lives through everything with one session. */
export interface FleetClient {
  readonly name: string;
  call(tool: Tool, ms?: number): Promise<CallRecord>;
  close(): Promise<void>;
}

/** Longest that a call may go without a final answer. */
const CALL_LIMIT_MS = 60_000;
/** What a person takes to answer, in ms: long enough for a fault to come in between. */
const ANSWER_MS = 700;

type Ask = (name: string, args: Record<string, unknown>) => Promise<Record<string, unknown>>;

/** SDK v1: a session, questions as requests on its streams. */
export async function connectLegacy(name: string, url: string): Promise<FleetClient> {
  const client = new Client({ name, version: '1' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, async () => await answer(name));
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    reconnectionOptions: {
      initialReconnectionDelay: 300,
      maxReconnectionDelay: 2_000,
      reconnectionDelayGrowFactor: 1.5,
      maxRetries: 30,
    },
  });
  // What a transport reports beside a call is no outcome of one.
  client.onerror = () => undefined;
  await client.connect(transport as Transport);
  return fleetClient(
    name,
    url,
    async (tool, args) => await client.callTool({ name: tool, arguments: args }, undefined, { timeout: CALL_LIMIT_MS }),
    () => client.close(),
  );
}

/** SDK v2 in the modern era: no session, questions as results. */
export async function connectModern(name: string, url: string): Promise<FleetClient> {
  const client = new ModernClient(
    { name, version: '1' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } }, capabilities: { elicitation: {} } },
  );
  client.setRequestHandler('elicitation/create', async () => await answer(name));
  client.onerror = () => undefined;
  await client.connect(new ModernTransport(new URL(url)));
  return fleetClient(
    name,
    url,
    async (tool, args) => await client.callTool({ name: tool, arguments: args }, { timeout: CALL_LIMIT_MS }),
    () => client.close(),
  );
}

async function answer(name: string) {
  await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
  return { action: 'accept' as const, content: { name } };
}

function fleetClient(name: string, url: string, ask: Ask, close: () => Promise<void>): FleetClient {
  let calls = 0;
  // The question of a program does not say which of the calls of one user it belongs to (docs/questions.md): any of them may be asked.
  const isCertain = !url.endsWith('/stdio');
  return {
    name,
    async call(tool, ms = 0) {
      const call = `${name}-${++calls}`;
      const startedAt = Date.now();
      const outcome = await ask(tool, { call, ...(tool === 'slow' && { ms }) }).then(
        (result) =>
          outcomeOfResult(result, new RegExp(tool === 'ask' && isCertain ? `${call}: ${name}\\b` : `${call}\\b`)),
        (error: unknown) => outcomeOfError(error),
      );
      return { call, client: name, tool, outcome, startedAt, endedAt: Date.now() };
    },
    close,
  };
}
