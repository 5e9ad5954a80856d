import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openSession, streamModern, toolText } from '../requirements/support/clients.ts';
import { at } from '../requirements/support/json.ts';
import { legacyScript } from '../requirements/support/scripted-eras.ts';
import { resultOf, sendJson, startScripted } from '../requirements/support/scripted-upstream.ts';
import { post } from '../requirements/support/wire.ts';

const BIN = fileURLToPath(new URL('../../packages/breakwater/src/bin.ts', import.meta.url));

test('SIGTERM: the real program takes no more, finishes what it has, ends listens in order and exits', async () => {
  let finish: () => void = () => undefined;
  await using upstream = await startScripted(
    legacyScript({
      instead: (request, response) => {
        if (request.message?.['method'] !== 'tools/call') return false;
        finish = () => sendJson(response, 200, resultOf(request, { content: [{ type: 'text', text: 'in time' }] }));
        return true;
      },
    }),
  );
  const { program, url } = await startProgram({ one: { url: upstream.url, era: 'legacy' } });
  const session = await openSession(url);
  const listening = await session.listen();
  const listen = await streamModern(url, 'subscriptions/listen', { notifications: { toolsListChanged: true } });
  await listen.reader.message();
  const call = session.request('tools/call', { name: 'act' });
  await upstream.until(({ message }) => message?.['method'] === 'tools/call');

  program.kill('SIGTERM');
  const ending = await listen.reader.rest();
  expect(at(ending.at(-1), 'result', 'resultType')).toBe('complete');
  await listening.reader.rest();
  // It listens no more; a connection that is still there would be told 503.
  await expect(post(url, { jsonrpc: '2.0', id: 1, method: 'ping' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(program.exitCode).toBeNull();
  finish();
  expect(toolText((await call).json())).toBe('in time');
  const [code, signal] = (await once(program, 'exit')) as [number | null, string | null];
  expect([code, signal]).toEqual([0, null]);
  expect(upstream.seen.some(({ verb }) => verb === 'DELETE')).toBe(true);
});

/** Starts the real program on a free port. */
async function startProgram(upstreams: object): Promise<{ readonly program: ChildProcess; readonly url: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-drain-'));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, JSON.stringify({ version: 1, listen: { port: 0 }, upstreams, timeouts: { drain: '20s' } }));
  const program = spawn(process.execPath, [BIN, 'serve', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  program.stderr.resume();
  program.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for await (const line of createInterface({ input: program.stdout })) {
    const url = /MCP\s+(http:\S+\/mcp)\b/.exec(line)?.[1];
    if (url === undefined) continue;
    program.stdout.resume();
    return { program, url };
  }
  throw new Error('the program said nowhere where it listens');
}
