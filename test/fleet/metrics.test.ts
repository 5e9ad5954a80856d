import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PATIENT, type Program, REPOSITORY, startProgram } from '../e2e/support/programs.ts';
import { startRedis } from '../fixtures/redis.ts';
import { openSession } from '../requirements/support/clients.ts';
import { at, textAt } from '../requirements/support/json.ts';
import { post, send, stream } from '../requirements/support/wire.ts';

const TEST_MS = 120_000;
const BIN = join(REPOSITORY, 'packages/breakwater/src/bin.ts');
const SERVER = join(REPOSITORY, 'test/listen/support/gated-server.ts');
/** A node that is not heard of counts as there for ten seconds, and it is looked every three. */
const LOST = { timeout: 40_000, interval: 250 };

interface Node {
  readonly program: Program;
  readonly url: string;
  status(): Promise<unknown>;
  /** The value of one sample of its metrics; undefined when there is none. */
  metric(sample: string): Promise<number | undefined>;
}

test('the metrics and the status of a node tell how it stands in its fleet', { timeout: TEST_MS }, async () => {
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await startRedis());
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-metrics-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'config.yaml');
  await writeFile(
    file,
    JSON.stringify({
      store: redis.url,
      fleet: { secret: { env: 'TEST_SECRET' }, listen: { port: 0 }, lease: '2s' },
      admin: { port: 0 },
      upstreams: { gated: { command: process.execPath, args: [SERVER] } },
    }),
  );
  const env = { TEST_SECRET: randomBytes(48).toString('base64') };
  const start = async (): Promise<Node> => {
    const program = stack.use(startProgram(process.execPath, [BIN, 'serve', '-c', file, '--port', '0'], { env }));
    const [, url = ''] = await program.until(/MCP +(http:\S+)/);
    const [, admin = ''] = await program.until(/Console +(http:\S+)/);
    return {
      program,
      url,
      status: async () => (await send('GET', `${admin}/api/status`, {})).json(),
      async metric(sample) {
        const { text } = await send('GET', `${admin}/metrics`, {});
        const line = text.split('\n').find((each) => each.startsWith(`${sample} `));
        return line === undefined ? undefined : Number(line.slice(sample.length + 1));
      },
    };
  };
  const [one, two] = [await start(), await start()];

  const [status, others] = [await one.status(), await two.status()];
  expect(textAt(status, 'fleet', 'node')).toMatch(/^[a-z0-9]{10}$/);
  expect(textAt(status, 'fleet', 'peer')).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(at(status, 'fleet', 'store', 'up')).toBe(true);
  await expect.poll(() => one.metric('mcpgw_fleet_nodes'), PATIENT).toBe(2);
  await expect.poll(() => two.metric('mcpgw_fleet_nodes'), PATIENT).toBe(2);

  // A session of node one goes on at node two, which borrows the server program of node one.
  const session = await openSession(one.url);
  const gate = join(folder, 'gate');
  const params = { name: 'step', arguments: { gate }, _meta: { progressToken: 'p' } };
  const call = await session.stream('tools/call', params);
  const event = await call.reader.next();
  expect(await one.metric('mcpgw_fleet_leases_held')).toBe(1);
  expect((await post(two.url, { jsonrpc: '2.0', id: 2, method: 'tools/list' }, session.headers)).status).toBe(200);
  const quiet = { name: 'quiet', arguments: { ms: 1 } };
  const borrowed = await post(two.url, { jsonrpc: '2.0', id: 3, method: 'tools/call', params: quiet }, session.headers);
  expect(borrowed.text).toContain('at last');
  expect(await two.metric('mcpgw_fleet_sessions_loaded_total')).toBe(1);
  expect(await two.metric('mcpgw_upstream_handles_borrowed{upstream="gated"}')).toBe(1);
  expect(await one.metric('mcpgw_upstream_handles_borrowed{upstream="gated"}')).toBe(0);
  expect(await one.metric('mcpgw_fleet_handles_lent')).toBe(1);

  // Attack: ids that name nodes, in the hope that they become labels.
  const passedOn = (outcome: string): string => `mcpgw_fleet_requests_passed_on_total{outcome="${outcome}"}`;
  const answer = (node: string) => ({ jsonrpc: '2.0', id: `${node}.made-up`, result: {} });
  expect((await post(two.url, answer(textAt(status, 'fleet', 'node')), session.headers)).status).toBe(202);
  expect(await two.metric(passedOn('answered'))).toBe(1);
  expect((await post(two.url, answer('evilevil00'), session.headers)).status).toBe(202);
  expect(await two.metric(passedOn('gone'))).toBe(1);
  expect((await post(two.url, answer(textAt(others, 'fleet', 'node')), session.headers)).status).toBe(202);
  expect(await two.metric(passedOn('answered'))).toBe(1);

  // Node one dies while the call runs: node two ends the stream, and misses the node.
  one.program.child.kill('SIGKILL');
  await one.program.ended;
  await expect
    .poll(async () => {
      const headers = { ...session.headers, accept: 'text/event-stream', 'last-event-id': event?.id ?? '' };
      const resumed = await stream('GET', two.url, headers);
      if (resumed.status !== 200) return '';
      const text = JSON.stringify(await resumed.reader.rest());
      resumed.close();
      return text;
    }, PATIENT)
    .toContain('fleet.node-lost');
  expect(await two.metric('mcpgw_fleet_streams_adopted_total')).toBe(1);
  await expect.poll(() => two.metric('mcpgw_fleet_nodes_lost_total'), LOST).toBe(1);
  expect(await two.metric('mcpgw_fleet_nodes')).toBe(1);
  await two.program.until(new RegExp(`"node":"${textAt(status, 'fleet', 'node')}".*gone without having said so`));

  // One that leaves in order is not missed.
  const three = await start();
  await expect.poll(() => two.metric('mcpgw_fleet_nodes'), PATIENT).toBe(2);
  expect(await three.program.stop()).toBe(0);
  await expect.poll(() => two.metric('mcpgw_fleet_nodes'), PATIENT).toBe(1);
  expect(await two.metric('mcpgw_fleet_nodes_lost_total')).toBe(1);

  expect(await two.metric('mcpgw_store_up')).toBe(1);
  await redis.stop();
  await expect.poll(() => two.metric('mcpgw_store_up'), PATIENT).toBe(0);
  await expect.poll(() => two.metric('mcpgw_store_failures_total'), PATIENT).toBeGreaterThan(0);
  expect(at(await two.status(), 'fleet', 'store', 'up')).toBe(false);
  await redis.start();
  await expect.poll(() => two.metric('mcpgw_store_up'), PATIENT).toBe(1);
});
