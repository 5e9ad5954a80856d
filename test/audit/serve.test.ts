import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { post } from '../requirements/support/wire.ts';
import { BIN, KEY, recordsOf, scratch, verify } from './support.ts';

/** Runs `breakwater serve`. */
function startServe(config: string): {
  readonly child: ChildProcess;
  /** The endpoint that its banner names. */
  readonly url: Promise<string>;
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>;
} {
  const env = { ...process.env, KEY };
  const child = spawn(process.execPath, [BIN, 'serve', '-c', config], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  let stdout = '';
  const { promise: url, resolve } = Promise.withResolvers<string>();
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
    const found = /http:\/\/\S+\/mcp(?=\s)/.exec(stdout)?.[0];
    if (found !== undefined) resolve(found);
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }));
  return { child, url, ended };
}

describe('the audit log of breakwater serve', () => {
  it('is complete after a signal, and nothing is served without it', async () => {
    await using place = await scratch();
    await using configs = await scratch();
    const config = (audit: string): Promise<void> =>
      writeFile(
        configs.file,
        `listen: { port: 0 }\nupstreams: { none: { url: "http://127.0.0.1:9/mcp" } }\naudit: { file: ${audit}, key: { env: KEY } }\n`,
      );
    await config(place.file);
    const gateway = startServe(configs.file);
    const url = await gateway.url;
    await post(url, { jsonrpc: '2.0', id: 1, method: 'no/such' });
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 0 });
    expect((await recordsOf(place.file)).at(-1)).toMatchObject({ event: 'gateway.stop', open: {} });
    expect(await verify([place.file])).toMatchObject({ ok: true, notes: [] });

    await config(configs.file);
    expect(await startServe(configs.file).ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^breakwater: the audit log cannot be opened: \S+ is no audit log$/m),
    });
  });
});
