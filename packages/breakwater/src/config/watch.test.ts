import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ConfigResult } from './load.ts';
import { watchConfig } from './watch.ts';

const withCommand = (command: string) => `upstreams: { a: { command: ${command} } }\n`;

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'breakwater-watch-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Watches a file; `until` resolves with the first result, past or future, that has the command (or is bad, for undefined). */
function startWatch(path: string, since?: string) {
  const results: ConfigResult[] = [];
  let wake: () => void = () => undefined;
  const watch = watchConfig(path, {
    debounceMs: 5,
    since,
    onChange: (result) => {
      results.push(result);
      wake();
    },
  });
  onTestFinished(() => watch.close());
  const until = async (command: string | undefined): Promise<void> => {
    const expected = command === undefined ? { ok: false } : { ok: true, config: { upstreams: { a: { command } } } };
    while (!results.some((result) => matches(result, command))) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    expect(results.find((result) => matches(result, command))).toMatchObject(expected);
  };
  return { until, results, watch };
}

function matches(result: ConfigResult, command: string | undefined): boolean {
  if (!result.ok) return command === undefined;
  const upstream = result.config.upstreams['a'];
  return upstream?.kind === 'stdio' && upstream.command === command;
}

describe('watchConfig', () => {
  it('sees a file written in place, a bad one, and a good one again', async () => {
    const path = join(await temporaryFolder(), 'breakwater.yaml');
    await writeFile(path, withCommand('first'));
    const { until } = startWatch(path);
    await writeFile(path, withCommand('second'));
    await until('second');
    await writeFile(path, 'upstreams: [');
    await until(undefined);
    await writeFile(path, withCommand('third'));
    await until('third');
  });

  it('sees what changed between the reading of the file and the watching, and reads it once', async () => {
    const path = join(await temporaryFolder(), 'breakwater.yaml');
    await writeFile(path, withCommand('second'));
    const { until, results } = startWatch(path, withCommand('first'));
    await until('second');
    await writeFile(path, withCommand('third'));
    await until('third');
    expect(results).toHaveLength(2);
  });

  it('sees a file replaced by renaming, twice: the way editors save', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'breakwater.yaml');
    await writeFile(path, withCommand('first'));
    const { until } = startWatch(path);
    for (const command of ['second', 'third']) {
      await writeFile(join(folder, '.swap'), withCommand(command));
      await rename(join(folder, '.swap'), path);
      await until(command);
    }
  });

  it('sees the link swap of a Kubernetes ConfigMap', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'breakwater.yaml');
    const publish = async (version: string) => {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, 'breakwater.yaml'), withCommand(version));
      await symlink(version, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    await publish('first');
    await symlink('..data/breakwater.yaml', path);
    const { until } = startWatch(path);
    await publish('second');
    await until('second');
    await publish('third');
    await until('third');
  });

  it('sees a change where the file is a link into another folder', async () => {
    const path = join(await temporaryFolder(), 'breakwater.yaml');
    const real = join(await temporaryFolder(), 'real.yaml');
    await writeFile(real, withCommand('first'));
    await symlink(real, path);
    const { until } = startWatch(path);
    await writeFile(real, withCommand('second'));
    await until('second');
  });

  it('survives the file being gone for a while', async () => {
    const path = join(await temporaryFolder(), 'breakwater.yaml');
    await writeFile(path, withCommand('first'));
    const { until } = startWatch(path);
    await unlink(path);
    await until(undefined);
    await writeFile(path, withCommand('second'));
    await until('second');
  });

  it('does not throw for a folder that is not there', () => {
    const { watch } = startWatch(join(tmpdir(), 'breakwater-no-such-folder', 'breakwater.yaml'));
    expect(() => watch.close()).not.toThrow();
  });

  it('reads the unchanged file again on SIGHUP', async () => {
    const path = join(await temporaryFolder(), 'breakwater.yaml');
    await writeFile(path, withCommand('same'));
    const { until } = startWatch(path);
    process.emit('SIGHUP');
    await until('same');
  });

  it('is silent after close, and leaves no listener', async () => {
    const path = join(await temporaryFolder(), 'breakwater.yaml');
    await writeFile(path, withCommand('first'));
    const listeners = process.listenerCount('SIGHUP');
    const closed = startWatch(path);
    closed.watch.close();
    expect(process.listenerCount('SIGHUP')).toBe(listeners);
    const open = startWatch(path);
    await writeFile(path, withCommand('second'));
    await open.until('second');
    expect(closed.results).toEqual([]);
  });
});
