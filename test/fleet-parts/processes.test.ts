import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startRedis } from '../fixtures/redis.ts';
import { effectsFile, until } from './support.ts';

const NODE = fileURLToPath(new URL('node-process.ts', import.meta.url));

interface NodeProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Answers of a call, in the order of arrival; more than one would be a call answered twice. */
  readonly answers: Map<number, string[]>;
  call(name: string, args?: object): { readonly order: number; readonly text: Promise<string> };
}

/** Starts a node as a process. It dies with its stdin, hence with the test. */
async function startProcess(url: string, effects: string): Promise<NodeProcess> {
  const child = spawn(process.execPath, [NODE, url, effects], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = new Map<number, string[]>();
  const waiting = new Map<number, (text: string) => void>();
  const ready = Promise.withResolvers<void>();
  child.on('exit', (code) => ready.reject(new Error(`the node ended: ${code}`)));
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as { ready?: string; order?: number; text?: string };
    const { order, text = '' } = said;
    if (order === undefined) return ready.resolve();
    answers.set(order, [...(answers.get(order) ?? []), text]);
    waiting.get(order)?.(text);
  });
  await ready.promise;
  let orders = 0;
  return {
    child,
    answers,
    call: (name, args = {}) => {
      const order = ++orders;
      const text = new Promise<string>((resolve) => waiting.set(order, resolve));
      child.stdin.write(`${JSON.stringify({ order, name, args })}\n`);
      return { order, text };
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      child.kill('SIGCONT');
      await gone;
    },
  };
}

test('the owner is killed within a call: the call is lost once, and the next one finds a new owner', async () => {
  await using file = await effectsFile();
  await using redis = await startRedis();
  await using owner = await startProcess(redis.url, file.path);
  await using other = await startProcess(redis.url, file.path);
  const first = await owner.call('pid').text;
  expect(await other.call('pid').text).toBe(first);
  const lost = other.call('work', { id: 'w', ms: 60_000 });
  await until('it works', async () => (await file.lines()).some((line) => line.startsWith('begin w')));
  owner.child.kill('SIGKILL');
  expect(await lost.text).toBe('fleet.node-lost');
  // Waits for the lease to run out: that the owner's port refuses us proves nothing about what it owned.
  const second = await other.call('pid').text;
  expect(second).toMatch(/^\d+$/);
  expect(second).not.toBe(first);
  expect(other.answers.get(lost.order)).toEqual(['fleet.node-lost']);
  expect((await file.lines()).filter((line) => line.startsWith('begin'))).toHaveLength(1);
}, 60_000);

test('attack on the fence: an owner that slept past its lease ends what it had, and does nothing twice', async () => {
  await using file = await effectsFile();
  await using redis = await startRedis();
  await using owner = await startProcess(redis.url, file.path);
  await using other = await startProcess(redis.url, file.path);
  const first = await owner.call('pid').text;
  const own = owner.call('work', { id: 'own', ms: 40_000 });
  const lost = other.call('work', { id: 'lost', ms: 40_000 });
  await until('both work', async () => (await file.lines()).filter((line) => line.startsWith('begin')).length === 2);
  owner.child.kill('SIGSTOP');
  expect(await lost.text).toBe('fleet.node-lost');
  const second = await other.call('pid').text;
  expect(second).toMatch(/^\d+$/);
  expect(second).not.toBe(first);
  owner.child.kill('SIGCONT');
  // It finds another owner, ends its child with the call in it, and borrows from now on.
  expect(await own.text).toBe('upstream.lost');
  expect(await owner.call('pid').text).toBe(second);
  expect(other.answers.get(lost.order)).toEqual(['fleet.node-lost']);
  expect(owner.answers.get(own.order)).toEqual(['upstream.lost']);
  const lines = await file.lines();
  expect(lines.filter((line) => line.startsWith('start'))).toHaveLength(2);
  expect(lines.filter((line) => line.startsWith('begin'))).toHaveLength(2);
  expect(lines.filter((line) => line.startsWith('end'))).toHaveLength(0);
}, 60_000);

test('a child exists once for three processes that all want it at the same moment', async () => {
  await using file = await effectsFile();
  await using redis = await startRedis();
  await using a = await startProcess(redis.url, file.path);
  await using b = await startProcess(redis.url, file.path);
  await using c = await startProcess(redis.url, file.path);
  const pids = await Promise.all([a, b, c, a, b, c].map((node) => node.call('pid').text));
  expect(new Set(pids).size).toBe(1);
  expect((await file.lines()).filter((line) => line.startsWith('start'))).toHaveLength(1);
}, 60_000);
