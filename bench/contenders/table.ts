import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Child, readAnnouncement, startChild, waitForPort } from '../child.ts';
import { findFreePort } from '../free-port.ts';
import { CONTENDER_CORE, type Contender, type RunningContender, type UpstreamAddress } from './contender.ts';

const BIN = fileURLToPath(new URL('../../packages/breakwater/dist/bin.js', import.meta.url));
const BARE_PROXY = fileURLToPath(new URL('./bare-proxy.ts', import.meta.url));

/** The contender every ratio "× bare" refers to. */
export const BARE_PROXY_NAME = 'bare-proxy';
/** The contender every difference and ratio "× direct" refers to. */
export const DIRECT_NAME = 'direct';

/** Every contender, in the order they take their turns. To add one: a line here. */
export const CONTENDERS: readonly Contender[] = [
  {
    name: DIRECT_NAME,
    title: 'no hop; the figures are those of the upstream itself, which shares its core with the load',
    start: async (upstream) => ({ ...upstream, close: async () => undefined }),
  },
  { name: BARE_PROXY_NAME, title: 'node:http + undici dispatch, bytes only: the Node limit', start: startBareProxy },
  {
    name: 'breakwater',
    title: 'the gateway, default configuration, --log-level warn',
    missing: () => (existsSync(BIN) ? undefined : 'packages/breakwater/dist/bin.js is not built'),
    start: startBreakwater,
  },
];

async function startBareProxy(upstream: UpstreamAddress): Promise<RunningContender> {
  const child = startChild({ args: [BARE_PROXY, upstream.url], core: CONTENDER_CORE });
  return describe(child, await orStop(child, readAnnouncement(child)));
}

async function startBreakwater(upstream: UpstreamAddress): Promise<RunningContender> {
  const port = await findFreePort();
  const args = [BIN, '--upstream', upstream.url, '--port', String(port), '--log-level', 'warn'];
  const child = startChild({ args, core: CONTENDER_CORE });
  await orStop(child, waitForPort(child, port));
  return describe(child, `http://127.0.0.1:${port}/mcp`);
}

function describe(child: Child, url: string): RunningContender {
  return { url, pid: child.pid, close: () => child.stop() };
}

async function orStop<T>(child: Child, ready: Promise<T>): Promise<T> {
  try {
    return await ready;
  } catch (error) {
    await child.stop();
    throw error;
  }
}
