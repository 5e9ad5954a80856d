/** Real clients through the gateway to real servers: what comes out must be what a direct connection gives. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { CLIENTS } from './support/clients.ts';
import { findLeftovers, findSessions } from './support/leftovers.ts';
import { limitTo, type Observation, observe, shorten } from './support/observe.ts';
import { findDescendants, PATIENT } from './support/programs.ts';
import { connectV2 } from './support/sdk-v2-clients.ts';
import { Table } from './support/table.ts';
import { type ReadyServer, UPSTREAMS } from './support/upstreams.ts';

const table = new Table(
  CLIENTS.map(({ name }) => name),
  UPSTREAMS.map(({ name }) => name),
);

describe.each(UPSTREAMS)('to $name', ({ name: column, era, plan, start }) => {
  let server: ReadyServer;
  let gateway: RunningGateway;
  let direct: { readonly full: Observation; readonly short: Observation };
  let processes: string[];
  /** Sessions of clients that went away without ending them; the gateway keeps them for a while, as it should. */
  const abandoned = new Set<string>();

  beforeAll(async () => {
    server = await start();
    processes = findDescendants();
    const client = await connectV2(await server.openDirectly(), era === 'modern' ? 'auto' : 'legacy');
    direct = { full: await observe(client, plan), short: await observe(client, shorten(plan)) };
    await client.close();
    gateway = await startGateway({ upstreams: { it: server.config }, routes: [{ path: '/mcp' }] });
  });

  afterAll(async () => {
    await gateway?.close();
    await server?.[Symbol.asyncDispose]();
  });

  test.each(CLIENTS)('from $name', async (client) => {
    await table.fill(client.name, column, async () => {
      const connected = await client.connect(gateway.url);
      const asked = client.isSlow ? shorten(plan) : plan;
      const seen = await observe(connected, asked).finally(() => connected.close());
      const expected = client.isSlow ? direct.short : direct.full;
      expect(seen).toEqual(limitTo(client.revision, expected));

      if (!client.endsSession) for (const id of findSessions(gateway.events)) abandoned.add(id);
      await expect.poll(() => findLeftovers(gateway.events, abandoned), PATIENT).toEqual([]);
    });
  });

  test('leaves nothing open and no process behind', async () => {
    await gateway.close();
    expect(gateway.breakwater.counters().open).toEqual({
      session: 0,
      stream: 0,
      subscription: 0,
      handle: 0,
      park: 0,
      call: 0,
    });
    expect(findDescendants()).toEqual(processes);
  });
});

test('the table in docs/clients.md is this one', async () => {
  process.stdout.write(`\n${table.toText()}\n`);
  await table.checkPage('docs/clients.md');
});
