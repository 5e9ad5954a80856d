import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { scanObject } from '../jsonrpc/raw.ts';
import { ToolHeaders } from './http-tool-headers.ts';

// Attack: a client calls each tool once with arguments as large as may be. Whoever remembers a tool by its name in the call keeps the call with it.
test('what is known of tools keeps nothing of the calls by which it became known', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const schema = Buffer.from('{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}');
  const headers = new ToolHeaders({ toolSchema: async () => schema, readPage: async () => undefined });
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let at = 0; at < 50; at++) {
    const call = { name: `a_tool_of_some_length_${at}`, arguments: { region: 'eu', note: 'x'.repeat(1_000_000) } };
    const sent = await headers.headersOf(scanObject(Buffer.from(JSON.stringify(call))));
    expect(Object.values(sent)).toEqual(['eu']);
  }
  const grown = (): number => {
    collect();
    return process.memoryUsage().heapUsed - before;
  };
  await expect.poll(grown, { timeout: 20_000 }).toBeLessThan(15_000_000);
  expect(headers.headersOf(scanObject(Buffer.from('{"name":"a_tool_of_some_length_49"}')))).toEqual({});
});
