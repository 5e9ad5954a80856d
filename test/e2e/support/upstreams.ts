import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  InMemoryTransport,
  SSEClientTransport,
  StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { HttpEra } from '../../../apps/demo-server/serve-http.ts';
import { createDemoFactory } from '../../../packages/breakwater/src/demo/server.ts';
import type { LibraryConfig } from '../../../packages/breakwater/src/index.ts';
import type { Plan } from './observe.ts';
import { findFreePort, REPOSITORY, startProgram } from './programs.ts';
import type { Era } from './test-client.ts';

type Configured = LibraryConfig['upstreams'][string];

/** A server that is ready, behind a gateway and for a direct look. */
export interface ReadyServer extends AsyncDisposable {
  /** How the gateway is to reach it. */
  readonly config: Configured;
  /** Opens a way to it without the gateway. */
  openDirectly(): Promise<Transport>;
}

/** A kind of server: a column of the matrix. */
export interface UpstreamKind {
  readonly name: string;
  /** The newest era it speaks. */
  readonly era: Era;
  readonly plan: Plan;
  /** False where the server's transport cannot carry what nobody asked for. */
  readonly tellsChanges: boolean;
  start(): Promise<ReadyServer>;
}

const EVERYTHING: Plan = {
  calls: [
    { name: 'echo', arguments: { message: 'ahoy äöü 你好 🌊' } },
    { name: 'get-sum', arguments: { a: 2, b: 40 } },
    { name: 'get-structured-content', arguments: { location: 'Chicago' } },
    { name: 'get-tiny-image', arguments: {} },
  ],
  read: 'demo://resource/static/document/features.md',
  prompt: { name: 'args-prompt', arguments: { city: 'Genoa', state: 'Liguria' } },
  slow: { name: 'trigger-long-running-operation', arguments: { duration: 0.01, steps: 3 } },
};

const DEMO: Plan = {
  calls: [
    { name: 'echo', arguments: { text: 'ahoy äöü 你好 🌊' } },
    { name: 'add', arguments: { a: 2, b: 40 } },
    { name: 'image', arguments: { size: 8 } },
  ],
  read: 'demo://flag.png',
  prompt: { name: 'greet', arguments: { name: 'Bo', language: 'german' } },
  slow: { name: 'slow', arguments: { steps: 3, delayMs: 1 } },
};

const FILESYSTEM: Plan = { calls: [{ name: 'read_text_file', arguments: { path: 'notes.txt' } }] };

const MEMORY: Plan = {
  calls: [{ name: 'search_nodes', arguments: { query: 'harbour' } }],
  read: 'memory://knowledge-graph',
};

/** The columns of the matrix. */
export const UPSTREAMS: readonly UpstreamKind[] = [
  {
    name: 'everything, stdio',
    era: 'legacy',
    plan: EVERYTHING,
    tellsChanges: true,
    start: () => startStdio([everything(), 'stdio']),
  },
  {
    name: 'everything, HTTP',
    era: 'legacy',
    plan: EVERYTHING,
    tellsChanges: true,
    start: () => startEverything('streamableHttp'),
  },
  { name: 'everything, SSE', era: 'legacy', plan: EVERYTHING, tellsChanges: true, start: () => startEverything('sse') },
  { name: 'filesystem, stdio', era: 'legacy', plan: FILESYSTEM, tellsChanges: false, start: startFilesystem },
  { name: 'memory, stdio', era: 'legacy', plan: MEMORY, tellsChanges: false, start: startMemory },
  {
    name: 'demo, stdio',
    era: 'modern',
    plan: DEMO,
    tellsChanges: true,
    start: () => startStdio([join(REPOSITORY, 'apps/demo-server/stdio.ts')]),
  },
  { name: 'demo, HTTP modern', era: 'modern', plan: DEMO, tellsChanges: true, start: () => startDemo('modern') },
  { name: 'demo, HTTP legacy', era: 'legacy', plan: DEMO, tellsChanges: true, start: () => startDemo('legacy') },
  {
    name: 'demo, HTTP legacy-stateless',
    era: 'legacy',
    plan: DEMO,
    tellsChanges: false,
    start: () => startDemo('legacy-stateless'),
  },
  { name: 'demo, SSE', era: 'legacy', plan: DEMO, tellsChanges: true, start: () => startDemo('sse') },
  { name: 'demo, in process', era: 'modern', plan: DEMO, tellsChanges: true, start: startInProcess },
];

function everything(): string {
  return serverPackage('everything');
}

function serverPackage(name: string): string {
  return join(REPOSITORY, `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`);
}

interface StdioSetting {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  dispose?(): Promise<void>;
}

async function startStdio(
  args: string[],
  { env = {}, cwd = REPOSITORY, dispose }: StdioSetting = {},
): Promise<ReadyServer> {
  const command = process.execPath;
  return {
    config: { command, args, env, cwd },
    openDirectly: async () => new StdioClientTransport({ command, args, env, cwd, stderr: 'ignore' }),
    [Symbol.asyncDispose]: async () => await dispose?.(),
  };
}

async function startFilesystem(): Promise<ReadyServer> {
  const folder = await makeFolder('notes.txt', 'Two masts in the harbour.\n');
  return await startStdio([serverPackage('filesystem'), folder.path], { cwd: folder.path, dispose: folder.remove });
}

async function startMemory(): Promise<ReadyServer> {
  const entity = { type: 'entity', name: 'Genoa', entityType: 'harbour', observations: ['has a lighthouse'] };
  const folder = await makeFolder('memory.jsonl', `${JSON.stringify(entity)}\n`);
  const env = { MEMORY_FILE_PATH: join(folder.path, 'memory.jsonl') };
  return await startStdio([serverPackage('memory')], { env, dispose: folder.remove });
}

async function makeFolder(file: string, text: string): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'breakwater-e2e-'));
  await writeFile(join(path, file), text);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

async function startEverything(mode: 'streamableHttp' | 'sse'): Promise<ReadyServer> {
  const port = await findFreePort();
  const program = startProgram(process.execPath, [everything(), mode], { env: { PORT: String(port) } });
  await program.until(new RegExp(`port ${port}`));
  const url = `http://127.0.0.1:${port}/${mode === 'sse' ? 'sse' : 'mcp'}`;
  return {
    config: { url },
    openDirectly: async () => openUrl(url, mode === 'sse'),
    [Symbol.asyncDispose]: program[Symbol.asyncDispose],
  };
}

async function startDemo(era: HttpEra): Promise<ReadyServer> {
  const program = startProgram(process.execPath, ['apps/demo-server/http.ts', '--era', era]);
  const [, url = ''] = await program.until(/^listening (\S+)$/m);
  return {
    config: { url },
    openDirectly: async () => openUrl(url, era === 'sse'),
    [Symbol.asyncDispose]: program[Symbol.asyncDispose],
  };
}

function openUrl(url: string, isSse: boolean): Transport {
  return isSse ? new SSEClientTransport(new URL(url)) : new StreamableHTTPClientTransport(new URL(url));
}

async function startInProcess(): Promise<ReadyServer> {
  const factory = createDemoFactory();
  return {
    config: { factory },
    openDirectly: async () => {
      const [near, far] = InMemoryTransport.createLinkedPair();
      await factory().connect(far);
      return near;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
