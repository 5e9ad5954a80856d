/** Real clients through the gateway to real servers: what comes out must be what a direct connection gives. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { CLIENTS } from './support/clients.ts';
import { findTaskTools, type Observation, observe } from './support/observe.ts';
import { findDescendants } from './support/programs.ts';
import { connectV2 } from './support/sdk-v2-clients.ts';
import { Table } from './support/table.ts';
import { type ReadyServer, UPSTREAMS } from './support/upstreams.ts';

const table = new Table(
  CLIENTS.map(({ name }) => name),
  UPSTREAMS.map(({ name }) => name),
);

describe.each(UPSTREAMS)('to $name', (upstream) => {
  let server: ReadyServer;
  let gateway: RunningGateway;
  let direct: Observation;
  let taskTools: string[];
  /** Sessions of clients that went away without ending them. */
  let abandoned = 0;
  let before: string[];

  beforeAll(async () => {
    server = await upstream.start();
    before = findDescendants();
    const client = await connectV2(await server.openDirectly(), upstream.era === 'modern' ? 'auto' : 'legacy');
    direct = await observe(client, upstream.plan);
    taskTools = await findTaskTools(client);
    await client.close();
    gateway = await startGateway({ upstreams: { it: server.config }, routes: [{ path: '/mcp' }] });
  });

  afterAll(async () => {
    await gateway?.close();
    await server?.[Symbol.asyncDispose]();
  });

  test.each(CLIENTS)('from $name', async (client) => {
    await table.fill(client.name, upstream.name, async () => {
      const connected = await client.connect(gateway.url);
      const seen = await observe(connected, upstream.plan).finally(() => connected.close());
      const tools = direct['tools'] as string[];
      const listed = client.era === 'modern' ? tools.filter((name) => !taskTools.includes(name)) : tools;
      expect(seen).toEqual({ ...direct, tools: listed });

      console.log(client.name, upstream.name, JSON.stringify(gateway.breakwater.counters().open));
      const { session } = gateway.breakwater.counters().open;
      if (!client.endsSession) abandoned = session;
      // Whoever closes leaves nothing behind: no stream, no subscription, and no session but those nobody ended.
      await expect
        .poll(() => gateway.breakwater.counters().open)
        .toMatchObject({ session: abandoned, stream: 0, subscription: 0 });
    });
  });

  test('leaves nothing open and no process behind', async () => {
    await gateway.close();
    expect(gateway.breakwater.counters().open).toEqual({ session: 0, stream: 0, subscription: 0, handle: 0 });
    expect(findDescendants()).toEqual(before);
  });
});

test('the table in docs/clients.md is this one', async () => {
  process.stdout.write(`\n${table.toText()}\n`);
  await table.checkPage('docs/clients.md');
});
