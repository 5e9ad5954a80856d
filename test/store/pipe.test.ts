import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import type { LeaseState } from '../../packages/breakwater/src/core/store.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import type { PipeEnd } from '../../packages/breakwater/src/store/pipe-messages.ts';
import { PipeStoreServer } from '../../packages/breakwater/src/store/pipe-server.ts';
import { PipeStore } from '../../packages/breakwater/src/store/pipe-store.ts';
import { until } from '../fixtures/redis.ts';
import { forkKeeper } from './open.ts';

const LONG_MS = 60_000;
const UNAVAILABLE = { code: 'store.unavailable' };

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

test('when the process that keeps the store dies, what was asked and what is asked later is refused', async () => {
  const keeper = await forkKeeper();
  const store = new PipeStore(keeper, { clock: systemClock });
  try {
    await store.write('a', { a: Buffer.from('1') }, LONG_MS);
    const dead = once(keeper, 'exit');
    keeper.kill('SIGSTOP');
    const asked = Promise.allSettled(Array.from({ length: 20 }, () => store.read('a')));
    keeper.kill('SIGKILL');
    for (const answer of await asked) expect(answer).toMatchObject({ status: 'rejected', reason: UNAVAILABLE });
    await dead;
    await until('the store knows', () => !store.isUp);
    await expect(store.read('a')).rejects.toMatchObject(UNAVAILABLE);
    await expect(store.subscribe('c', () => undefined)).rejects.toMatchObject(UNAVAILABLE);
  } finally {
    await end(keeper);
  }
});

test('when the process that keeps the store is stopped, what is asked is refused after the deadline', async () => {
  const keeper = await forkKeeper();
  const store = new PipeStore(keeper, { clock: systemClock, deadlineMs: 200 });
  try {
    keeper.kill('SIGSTOP');
    await expect(store.read('a')).rejects.toMatchObject(UNAVAILABLE);
    keeper.kill('SIGCONT');
    await until('it answers', () =>
      store.read('a').then(
        () => true,
        () => false,
      ),
    );
  } finally {
    await store.close();
    await end(keeper);
  }
});

test('what is asked at one time, and while an answer is awaited, goes over the pipe together', async () => {
  const keeper = await forkKeeper();
  let messages = 0;
  const counted: PipeEnd = {
    send: (message, done) => {
      messages++;
      return keeper.send(message, done);
    },
    on: (event, hear) => keeper.on(event, hear),
    off: (event, hear) => keeper.off(event, hear),
    once: (event, run) => keeper.once(event, run),
  };
  const store = new PipeStore(counted, { clock: systemClock });
  try {
    const write = (at: number): Promise<void> => store.write(`{${at}}`, { a: Buffer.from(`${at}`) }, LONG_MS);
    const first = Array.from({ length: 50 }, (_, at) => write(at));
    await new Promise((resolve) => setImmediate(resolve));
    const second = Array.from({ length: 50 }, (_, at) => write(50 + at));
    await Promise.all([...first, ...second]);
    expect(messages).toBeLessThanOrEqual(2);
    const read = await Promise.all(Array.from({ length: 100 }, (_, at) => store.read(`{${at}}`)));
    expect(read.map((fields) => String(fields?.get('a')))).toEqual(read.map((_, at) => String(at)));
  } finally {
    await store.close();
    await end(keeper);
  }
});

/** A store of which one record can be asked for and never answers, as that of a server that hangs among several. */
class HangingStore extends MemoryStore {
  override read(key: string) {
    return key === '{hangs}' ? new Promise<undefined>(() => undefined) : super.read(key);
  }
}

function endOf(port: MessagePort): PipeEnd {
  return {
    send: (message, done) => {
      port.postMessage(message);
      done(null);
      return true;
    },
    on: (event, hear) => port.on(event, hear),
    off: (event, hear) => port.off(event, hear),
    once: (event, run) => port.once(event, run),
  } as PipeEnd;
}

// Attack: one server of a cluster hangs; what waits for its answer must not hold up what others would answer at once.
test('what is asked while one answer does not come is asked soon, not when that is given up', async () => {
  const { port1, port2 } = new MessageChannel();
  const server = new PipeStoreServer(new HangingStore(systemClock));
  server.attach(endOf(port2));
  const store = new PipeStore(endOf(port1), { clock: systemClock, deadlineMs: LONG_MS });
  const hanging = expect(store.read('{hangs}')).rejects.toMatchObject(UNAVAILABLE);
  try {
    await new Promise((resolve) => setImmediate(resolve));
    for (let at = 0; at < 3; at++) {
      await store.write('{a}', { a: Buffer.from(`${at}`) }, LONG_MS);
      const fields = await store.read('{a}');
      expect(String(Buffer.from(fields?.get('a') ?? ''))).toBe(`${at}`);
    }
  } finally {
    await store.close();
    await hanging;
    port1.close();
    port2.close();
  }
});

// Attack: the process that keeps the store is stuck while servers talk; what it does not read piles up in each worker.
test.each<[string, (store: PipeStore, key: string, bytes: Buffer) => Promise<unknown>]>([
  ['logs', (store, key, bytes) => store.openLog(key, 'w', bytes, LONG_MS)],
  ['fields of records', (store, key, bytes) => store.write(key, { a: bytes, b: null }, LONG_MS)],
  ['messages', (store, key, bytes) => store.publish(key, bytes)],
  ['names', (store, key, bytes) => store.read(key + bytes.toString('latin1'))],
])('what a process that does not read is sent is bounded: %s', async (_what, ask) => {
  const keeper = await forkKeeper();
  const store = new PipeStore(keeper, { clock: systemClock, deadlineMs: 100 });
  const bytes = Buffer.alloc(8 * 1_048_576, 'x');
  try {
    keeper.kill('SIGSTOP');
    const asked = [];
    for (let at = 0; at < 12; at++) asked.push(ask(store, `{${at}}`, bytes));
    const causes = (await Promise.allSettled(asked)).map((answer) =>
      answer.status === 'rejected' ? String((answer.reason as Error).cause) : 'written',
    );
    expect(causes.filter((cause) => cause.includes('does not read')).length).toBeGreaterThanOrEqual(4);
    expect(causes).not.toContain('written');
    keeper.kill('SIGCONT');
    await until('it is read again', () =>
      ask(store, '{again}', bytes).then(
        () => true,
        () => false,
      ),
    );
  } finally {
    await store.close();
    await end(keeper);
  }
});

// Attack: a worker is stuck while the others have much to say; what it does not read piles up in the process that all of them need.
test('what is published to a process that does not read is bounded, and it learns that it missed some', async () => {
  const memory = new MemoryStore(systemClock);
  const server = new PipeStoreServer(memory);
  const listener = fork(fileURLToPath(new URL('./listener.ts', import.meta.url)), { serialization: 'advanced' });
  server.attach(listener);
  try {
    await told<boolean>(listener, 'listens');
    listener.kill('SIGSTOP');
    const message = Buffer.alloc(1_048_576);
    for (let at = 0; at < 100; at++) {
      await memory.publish('c', message);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const missed = told<number>(listener, 'missed');
    listener.kill('SIGCONT');
    expect(await missed).toBeLessThan(100);
  } finally {
    await end(listener);
    await server.close();
  }
});

test('several processes share one store, and one that dies leaves nothing behind', async () => {
  const memory = new MemoryStore(systemClock);
  const server = new PipeStoreServer(memory);
  const workers = Array.from({ length: 3 }, () => {
    const worker = fork(fileURLToPath(new URL('./claimer.ts', import.meta.url)), { serialization: 'advanced' });
    server.attach(worker);
    return worker;
  });
  try {
    // Each claims the same hundred leases at once, tells what it got, and then what it hears.
    const claims = await Promise.all(workers.map((worker) => told<LeaseState[]>(worker, 'claimed')));
    expect(claims[0]).toHaveLength(100);
    expect(claims[1]).toEqual(claims[0]);
    expect(claims[2]).toEqual(claims[0]);
    expect(new Set(claims[0]?.map(({ epoch }) => epoch)).size).toBe(100);

    const hearing = workers.map((worker) => told<string>(worker, 'heard'));
    await memory.publish('c', Buffer.from([0, 255]));
    expect(await Promise.all(hearing)).toEqual(['00ff', '00ff', '00ff']);

    const [dead, ...alive] = workers;
    if (dead !== undefined) await end(dead);
    const hearingOn = alive.map((worker) => told<string>(worker, 'heard'));
    // What is none of the store's business passes by.
    for (const worker of alive) worker.send({ kind: 'other', store: 'x' });
    await memory.publish('c', Buffer.from('x'));
    expect(await Promise.all(hearingOn)).toEqual(['78', '78']);
  } finally {
    await Promise.all(workers.map(end));
    await server.close();
  }
});

/** What a child says next under this name. */
function told<T>(child: ChildProcess, name: string): Promise<T> {
  return new Promise((resolve) => {
    child.on('message', function hear(message: object) {
      if (!(name in message)) return;
      child.off('message', hear);
      resolve((message as Record<string, T>)[name] as T);
    });
  });
}
