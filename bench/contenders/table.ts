import { startRedis } from '../../test/fixtures/redis.ts';
import type { Contender, RunningContender, UpstreamAddress } from './contender.ts';
import { isNginxMissing, startNginx } from './nginx.ts';
import {
  CIVIC,
  civicSettings,
  hasNoBase,
  isNotBuilt,
  preparePackages,
  runBase,
  runConfigured,
  runGateway,
  runPackage,
  runScript,
} from './programs.ts';

/** The contender every ratio "× bare" refers to. */
export const BARE_PROXY_NAME = 'bare-proxy';
/** The contender every difference and ratio "× direct" refers to. */
export const DIRECT_NAME = 'direct';

const MCP_PROXY = { 'mcp-proxy': '6.7.19' };
const SUPERGATEWAY = { supergateway: '4.0.0' };

/** Every contender, in the order they take their turns. To add one: a line here. */
export const CONTENDERS: readonly Contender[] = [
  {
    name: DIRECT_NAME,
    title: 'no hop; the figures are those of the upstream itself, which shares its core with the load',
    over: 'bytes',
    start: async ({ url, pid }) => ({ url, pid, close: async () => undefined }),
  },
  {
    name: BARE_PROXY_NAME,
    title: 'node:http + undici dispatch, bytes only: the Node limit',
    over: 'bytes',
    start: (upstream) => runScript('./bare-proxy.ts', upstream.url),
  },
  {
    name: 'edge-limit',
    title:
      'no hop and no checks: node:http that sends the same bytes from memory, on the contenders’ core; no answer at the edge can cost less',
    over: 'server',
    only: ['list', 'field-mix'],
    start: () => runScript('../upstream.ts'),
  },
  {
    name: 'nginx',
    title: 'one worker, unbuffered, connections kept on both sides',
    over: 'bytes',
    missing: isNginxMissing,
    start: startNginx,
  },
  {
    name: 'breakwater',
    title: 'the gateway, default configuration, --log-level warn',
    over: 'http',
    bridges: true,
    missing: isNotBuilt,
    start: (upstream) => runGateway('--upstream', upstream.url),
  },
  {
    name: 'breakwater-base',
    title: 'another build of the gateway, which this one is compared with',
    over: 'http',
    bridges: true,
    missing: hasNoBase,
    start: (upstream) => runBase('--upstream', upstream.url),
  },
  {
    name: 'breakwater-all-on',
    title: 'the gateway with metrics and an audit record of every exchange',
    over: 'http',
    bridges: true,
    missing: isNotBuilt,
    start: (upstream) => runConfigured({ url: upstream.url }, ALL_ON),
  },
  {
    name: 'breakwater-redis',
    title: 'the gateway as one node of a fleet, its sessions in Redis',
    over: 'http',
    missing: isNotBuilt,
    start: startWithRedis,
  },
  {
    name: 'breakwater-2-workers',
    title: 'two processes of the gateway on one port, both on the contenders’ core (on two cores: bench/workers.ts)',
    over: 'http',
    processes: 2,
    missing: isNotBuilt,
    start: (upstream) => runGateway('--workers', '2', '--upstream', upstream.url),
  },
  {
    name: 'civic',
    title: '@civic/passthrough-mcp-server 0.12.1, HTTP to HTTP',
    over: 'http',
    // It asks its server for nothing it was not asked for, and knows only the legacy era.
    only: ['call', 'call-sse', 'list', 'field-mix'],
    prepare: () => preparePackages(CIVIC),
    start: (upstream) =>
      runPackage(
        CIVIC,
        (port) => ({ args: ['@civic/passthrough-mcp-server'], env: civicSettings(upstream.url, port) }),
        '/mcp',
      ),
  },
  {
    name: 'sdk-v1',
    title: 'no gateway: a server on the official SDK v1, for comparison',
    over: 'server',
    only: ['call', 'list', 'field-mix'],
    start: () => runScript('./sdk-v1-server.ts'),
  },
  {
    name: 'sdk-v2',
    title: 'no gateway: a server on the official SDK v2, for comparison',
    over: 'server',
    only: ['call', 'call-modern', 'list', 'field-mix'],
    start: () => runScript('./sdk-v2-server.ts'),
  },
  {
    name: 'breakwater-stdio',
    title: 'the gateway in front of a program',
    over: 'stdio',
    missing: isNotBuilt,
    start: ({ program }) => runGateway('--', process.execPath, ...program),
  },
  {
    name: 'mcp-proxy',
    title: 'mcp-proxy 6.7.19 (npm) in front of the same program',
    over: 'stdio',
    prepare: () => preparePackages(MCP_PROXY),
    start: ({ program }) =>
      runPackage(
        MCP_PROXY,
        (port) => ({
          args: ['mcp-proxy', '--port', `${port}`, '--server', 'stream', '--', process.execPath, ...program],
        }),
        '/mcp',
      ),
  },
  {
    name: 'supergateway',
    title: 'supergateway 4.0.0, stateful, in front of the same program (a child for each session)',
    over: 'stdio',
    // A child for each session: a storm of sessions measures how fast programs start.
    only: ['call-stdio'],
    prepare: () => preparePackages(SUPERGATEWAY),
    start: ({ program }) =>
      runPackage(SUPERGATEWAY, (port) => ({ args: ['supergateway', ...superArgs(program, port)] }), '/mcp'),
  },
];

// The secret only has to be long enough: nobody else reads the record of a bench.
const KEY = { env: 'BENCH_SECRET' };
const ALL_ON = { admin: { port: 0 }, audit: { file: 'audit.jsonl', key: KEY } };

function superArgs(program: readonly string[], port: number): readonly string[] {
  const command = [process.execPath, ...program].map((word) => `'${word}'`).join(' ');
  const way = ['--outputTransport', 'streamableHttp', '--stateful', '--logLevel', 'none'];
  return ['--stdio', command, ...way, '--port', `${port}`];
}

async function startWithRedis(upstream: UpstreamAddress): Promise<RunningContender> {
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await startRedis());
  const fleet = { secret: KEY, listen: { port: 0 } };
  const running = await runConfigured({ url: upstream.url }, { store: redis.url, fleet });
  stack.defer(() => running.close());
  // A node that has joined has said where it is.
  if ((await redis.command('dbsize')) === '0') throw new Error('the gateway runs, but it does not use its store');
  const rest = stack.move();
  return { ...running, close: () => rest.disposeAsync() };
}
