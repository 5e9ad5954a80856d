import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { PATIENT } from '../e2e/support/programs.ts';
import { startServing } from '../listen/support/serving.ts';
import { legacyScript } from '../requirements/support/scripted-eras.ts';
import { resultOf, sendJson, startScripted } from '../requirements/support/scripted-upstream.ts';

const LARGE = { content: [{ type: 'text', text: 'x'.repeat(24_000_000) }] };

// Attack: a 2024 client that reads nothing holds its stream, which a reload moved to the new configuration, and the shutdown waits for it.
test('a 2024 stream that outlived a reload is cut with the others when the drain time is over', async () => {
  await using upstream = await startScripted(
    legacyScript({
      instead: (request, response) => {
        if (request.message?.['method'] !== 'tools/call') return false;
        sendJson(response, 200, resultOf(request, LARGE));
        return true;
      },
    }),
  );
  const config = {
    upstreams: { one: { url: upstream.url, era: 'legacy' as const } },
    timeouts: { drain: '500ms' as never },
  };
  const gateway = await startServing(config);
  const socket = connect(gateway.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    if (chunk.includes('xxxxxxxx')) socket.pause();
  });
  socket.on('error', () => undefined);
  socket.write('GET /mcp/sse HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n');
  await expect.poll(() => text).toMatch(/data: \S+\n\n/);
  const path = /data: (\S+)\n\n/.exec(text)?.[1] ?? '';
  const url = new URL(path, `http://127.0.0.1:${gateway.port}`);
  const send = (message: object) =>
    fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(message) });
  const client = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'x', version: '1' } };
  await send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: client });
  await expect.poll(() => text).toContain('serverInfo');
  await send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  await gateway.reload({ ...config, sessions: { idle: '20m' as never } });
  await send({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'act', arguments: {} } });
  await expect.poll(() => socket.isPaused(), PATIENT).toBe(true);
  // Longer than the write deadline this takes only where nobody cuts it.
  await gateway[Symbol.asyncDispose]();
  socket.destroy();
}, 20_000);
