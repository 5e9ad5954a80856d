/** Inside somebody's own server: what is not the gateway's goes on to its owner. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createDemoFactory } from '../../packages/breakwater/src/demo/server.ts';
import { createBreakwater } from '../../packages/breakwater/src/index.ts';
import { get, post } from './support.ts';

test('routes beside it are served by their owner', async () => {
  const breakwater = await createBreakwater({
    upstreams: { demo: { factory: createDemoFactory() } },
    routes: [{ path: '/mcp' }, { path: '/quiet', rest: false }],
  });
  const server = createServer((request, response) => {
    breakwater(request, response, () => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ owner: request.url }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    for (const path of [
      '/',
      '/api/users',
      '/api/users/1?x=y',
      '/apis',
      '/openapi.json',
      '/openapi.yaml',
      '/api/v1/openapi.json',
      '/quiet/api',
    ]) {
      expect((await get(base + path)).json, path).toEqual({ owner: path });
    }
    expect((await post(`${base}/api/users`, { name: 'Ada' })).json).toEqual({ owner: '/api/users' });
    expect((await post(`${base}/api/tools/echo`, { text: 'hi' })).json).toMatchObject({ content: [{ text: 'hi' }] });
    expect((await get(`${base}/api/tools/nothing`)).status).toBe(404);
    expect((await get(`${base}/api/openapi.json`)).json).toMatchObject({ openapi: '3.1.0' });
  } finally {
    await breakwater.close();
    server.close();
    server.closeAllConnections();
  }
});
