import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { post } from '../requirements/support/wire.ts';
import { BIN, KEY, recordsOf, scratch } from './support.ts';

/** Starts the program. */
function start(...args: readonly string[]): {
  readonly child: ChildProcess;
  /** The first endpoint that it prints. */
  readonly url: Promise<string>;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
} {
  const env = { ...process.env, KEY };
  const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
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
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
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
    const gateway = start('serve', '-c', configs.file);
    const url = await gateway.url;
    await post(url, { jsonrpc: '2.0', id: 1, method: 'no/such' });
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toMatchObject({ code: 0 });
    expect((await recordsOf(place.file)).at(-1)).toMatchObject({ event: 'gateway.stop', open: {} });
    const check = await start('audit', 'verify', place.file, '--key-env', 'KEY').ended;
    expect(check).toMatchObject({ code: 0, stdout: expect.stringContaining('whole: ') });

    await config(configs.file);
    expect(await start('serve', '-c', configs.file).ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^breakwater: the audit log cannot be opened: \S+ is no audit log$/m),
    });
  });
});
