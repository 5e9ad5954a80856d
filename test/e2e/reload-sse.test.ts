import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, it } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { createBreakwater } from '../../packages/breakwater/src/index.ts';

// A 2024 session is as long as its stream, so a reload that ended the stream would end every such session, against its promise.
it('keeps a 2024 client through a reload, and tells it that the tools changed', async () => {
  const factory = createDemoFactory();
  const breakwater = await createBreakwater({ upstreams: { demo: { factory } } });
  const server = createServer(breakwater);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new Client({ name: 'of-2024', version: '1' });
  const told = new Promise<void>((resolve) => {
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => resolve());
  });
  await client.connect(new SSEClientTransport(new URL(`http://127.0.0.1:${port}/mcp/sse`)));
  const before = (await client.listTools()).tools.length;

  await breakwater.reload({ upstreams: { demo: { factory, disabledTools: ['echo'] } } });
  await told;
  expect((await client.listTools()).tools.length).toBe(before - 1);
  expect(await client.callTool({ name: 'add', arguments: { a: 2, b: 3 } })).toMatchObject({
    structuredContent: { sum: 5 },
  });

  await client.close();
  await breakwater.close();
  await expect
    .poll(() => breakwater.counters().open)
    .toMatchObject({ session: 0, stream: 0, subscription: 0, handle: 0 });
  server.close();
});
