import { join } from 'node:path';
import { InMemoryServerEventBus } from '@modelcontextprotocol/server';
import { type HttpEra, serveHttp } from '../../apps/demo-server/serve-http.ts';
import type { LibraryConfig } from '../../packages/breakwater/src/index.ts';
import { Journal } from './askers/journal.ts';
import { type Served, serveV1 } from './askers/serve-v1.ts';
import { createV1Asker } from './askers/v1-asker.ts';
import { createV2Asker } from './askers/v2-asker.ts';
import { serveWireSessionless } from './askers/wire-sessionless.ts';

/** How a server is reached by a gateway. */
export type Configured = LibraryConfig['upstreams'][string];

/** A server that is ready. */
export interface ReadyAsker {
  readonly config: Configured;
  close(): Promise<void>;
}

/** What the rules need to know of a server. */
export interface UpstreamTraits {
  readonly era: 'legacy' | 'modern';
  /** Who made it: its own words for what it cannot do differ. */
  readonly made: 'SDK v1' | 'SDK v2' | 'by hand';
  /** It knows what its client declared when the question comes up. */
  readonly knowsClient: boolean;
  /** The answer to a question finds the call that asked. */
  readonly findsAnswers: boolean;
  /** Each user has a process of their own, with keys of its own. */
  readonly perUser: boolean;
}

/** A column of the matrix. */
export interface UpstreamKind extends UpstreamTraits {
  readonly name: string;
  start(): Promise<ReadyAsker>;
}

/** How long a server waits that will never hear: the stateless ones of SDK v1. */
const HOPELESS_MS = 800;

/** The columns of the matrix. */
export const UPSTREAMS: readonly UpstreamKind[] = [
  { name: 'modern HTTP', ...modern(), start: () => startV2('modern') },
  { name: 'modern stdio', ...modern(), perUser: true, start: () => startProgram('v2-stdio.ts') },
  { name: 'in process', ...modern(), start: startInProcess },
  {
    name: 'no session, SDK',
    ...legacy('SDK v1'),
    knowsClient: false,
    findsAnswers: false,
    start: () => startV1({ sessions: false }, HOPELESS_MS),
  },
  { name: 'no session, one process', ...legacy('by hand'), knowsClient: false, start: startWire },
  { name: 'session 2025-03-26', ...legacy('SDK v2'), start: () => startV2('legacy', '2025-03-26') },
  { name: 'session 2025-06-18', ...legacy('SDK v2'), start: () => startV2('legacy', '2025-06-18') },
  { name: 'session 2025-11-25', ...legacy('SDK v1'), start: () => startV1({ sessions: true }) },
  { name: 'HTTP+SSE 2024-11-05', ...legacy('SDK v2'), start: () => startV2('sse', '2024-11-05') },
  { name: 'legacy stdio', ...legacy('SDK v1'), start: () => startProgram('v1-stdio.ts') },
];

function modern(): UpstreamTraits {
  return { era: 'modern', made: 'SDK v2', knowsClient: true, findsAnswers: true, perUser: false };
}

function legacy(made: UpstreamTraits['made']): UpstreamTraits {
  return { era: 'legacy', made, knowsClient: true, findsAnswers: true, perUser: false };
}

async function startV2(era: HttpEra, revision?: string): Promise<ReadyAsker> {
  const journal = new Journal();
  const bus = new InMemoryServerEventBus();
  return toAsker(await serveHttp(() => createV2Asker(journal, revision), { era, bus }));
}

async function startV1(options: { readonly sessions: boolean }, impatientMs?: number): Promise<ReadyAsker> {
  const journal = new Journal();
  return toAsker(await serveV1(() => createV1Asker(journal, impatientMs), options));
}

async function startWire(): Promise<ReadyAsker> {
  return toAsker(await serveWireSessionless(new Journal()));
}

function toAsker({ url, close }: Served): ReadyAsker {
  return { config: { url }, close };
}

async function startProgram(script: string): Promise<ReadyAsker> {
  const args = [join(import.meta.dirname, 'askers', script)];
  return { config: { command: process.execPath, args }, close: async () => undefined };
}

async function startInProcess(): Promise<ReadyAsker> {
  const journal = new Journal();
  return { config: { factory: () => createV2Asker(journal) }, close: async () => undefined };
}
