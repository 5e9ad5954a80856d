import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LogBounds, Store } from '../../packages/breakwater/src/core/store.ts';
import { until } from '../fixtures/redis.ts';

/** Two openings of the same data, as two nodes have them. */
export interface StorePair extends AsyncDisposable {
  readonly one: Store;
  readonly other: Store;
}

const LONG_MS = 60_000;
const SOON_MS = 50;
const ROOMY: LogBounds = { entries: 1_000, bytes: 10_000_000, ttlMs: LONG_MS };
let names = 0;

/** A key that no other test has; some with braces, some without. */
export function freshKey(): string {
  names++;
  return names % 2 === 0 ? `{t:${names}}:k` : `t:${names}`;
}

/** Everything the {@link Store} port promises, for one kind of store. */
export function describeStore(kind: string, open: () => Promise<StorePair>): void {
  describe(kind, () => {
    let pair: StorePair;
    let one: Store;
    let other: Store;

    beforeAll(async () => {
      pair = await open();
      ({ one, other } = pair);
    });
    afterAll(() => pair?.[Symbol.asyncDispose]());

    describe('a record', () => {
      test('is read by others as it was written, field by field', async () => {
        const key = freshKey();
        expect(await other.read(key)).toBeUndefined();
        await one.write(key, { a: Buffer.from('1'), b: Buffer.from('2') }, LONG_MS);
        await other.write(key, { b: Buffer.from('3'), c: Buffer.from('4'), a: null }, LONG_MS);
        expect(asText(await one.read(key))).toEqual({ b: '3', c: '4' });
      });

      test('without fields does not exist', async () => {
        const key = freshKey();
        await one.write(key, { a: Buffer.from('1') }, LONG_MS);
        await one.write(key, { a: null, b: null }, LONG_MS);
        expect(await one.read(key)).toBeUndefined();
        expect(await one.touch(key, LONG_MS)).toBe(false);
        await expect(one.create(key, { a: null }, LONG_MS)).rejects.toThrow(TypeError);
      });

      test('is made once, whoever tries', async () => {
        const key = freshKey();
        const made = await Promise.all(
          Array.from({ length: 20 }, (_, at) =>
            (at % 2 ? one : other).create(key, { by: Buffer.from(`${at}`) }, LONG_MS),
          ),
        );
        expect(made.filter(Boolean)).toHaveLength(1);
        expect(asText(await one.read(key))).toEqual({ by: `${made.indexOf(true)}` });
      });

      test('is removed once', async () => {
        const key = freshKey();
        await one.write(key, { a: Buffer.from('1') }, LONG_MS);
        expect(await other.remove(key)).toBe(true);
        expect(await one.remove(key)).toBe(false);
        expect(await one.read(key)).toBeUndefined();
        expect(await one.create(key, { a: Buffer.from('2') }, LONG_MS)).toBe(true);
      });

      test('ends with its lifetime, which every write and touch sets anew', async () => {
        const [ends, written, touched] = [freshKey(), freshKey(), freshKey()];
        for (const key of [ends, written, touched]) await one.write(key, { a: Buffer.from('1') }, SOON_MS * 20);
        await one.write(written, { b: Buffer.from('2') }, LONG_MS);
        expect(await one.touch(touched, LONG_MS)).toBe(true);
        await until('the record ends', async () => (await other.read(ends)) === undefined);
        expect(await one.touch(ends, LONG_MS)).toBe(false);
        expect(await one.remove(ends)).toBe(false);
        expect(asText(await other.read(written))).toEqual({ a: '1', b: '2' });
        expect(asText(await other.read(touched))).toEqual({ a: '1' });
      });

      // Attack: values and names chosen so that a text protocol, a script or an object's prototype trips over them.
      test('keeps hostile names and values as they are', async () => {
        const values: Record<string, Buffer> = {
          empty: Buffer.alloc(0),
          binary: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
          protocol: Buffer.from('$5\r\nhello\r\n*1\r\n$8\r\nFLUSHALL\r\n'),
          large: Buffer.alloc(1 << 20, 0xfe),
          ['__proto__']: Buffer.from('p'),
          constructor: Buffer.from('c'),
          'a "b"\r\n\u0000ü': Buffer.from('n'),
          '': Buffer.from('no name'),
        };
        for (const key of [`${freshKey()} \r\n"'\u0000ü`, `${freshKey()}}{x}`, `${freshKey()}{`, '*', '{}x']) {
          await one.write(key, values, LONG_MS);
          const fields = await other.read(key);
          expect(new Set(fields?.keys())).toEqual(new Set(Object.keys(values)));
          for (const [name, value] of Object.entries(values)) expect(fields?.get(name)?.equals(value), name).toBe(true);
          expect(await one.remove(key)).toBe(true);
        }
      });

      // A value is often a slice of what came from a socket, and that is used again.
      test('is not changed by what its writer does with the bytes later', async () => {
        const key = freshKey();
        const mine = Buffer.from('before');
        const writing = one.write(key, { a: mine }, LONG_MS);
        await writing;
        mine.fill('x');
        expect(asText(await one.read(key))).toEqual({ a: 'before' });
      });
    });

    describe('a lease', () => {
      test('has one holder, who may prolong it and give it back', async () => {
        const name = freshKey();
        expect(await one.holder(name)).toBeUndefined();
        const lease = await one.claim(name, 'a', LONG_MS);
        expect(lease.holder).toBe('a');
        expect(await other.claim(name, 'b', LONG_MS)).toEqual(lease);
        expect(await one.claim(name, 'a', LONG_MS)).toEqual(lease);
        expect(await other.holder(name)).toEqual(lease);
        expect(await one.renew(name, lease, LONG_MS)).toBe(true);
        await one.yield(name, lease);
        expect(await other.holder(name)).toBeUndefined();
        expect(await one.renew(name, lease, LONG_MS)).toBe(false);
      });

      test('goes to one of a hundred who want it at once', async () => {
        const name = freshKey();
        const claims = await Promise.all(
          Array.from({ length: 100 }, (_, at) => (at % 2 ? one : other).claim(name, `n${at}`, LONG_MS)),
        );
        expect(new Set(claims.map(({ holder, epoch }) => `${holder} ${epoch}`)).size).toBe(1);
      });

      // Attack: a process that was stopped wakes up and goes on as if it still held what another has by now.
      test('is not prolonged or given back under an epoch that is over', async () => {
        const name = freshKey();
        const old = await one.claim(name, 'a', LONG_MS);
        await one.yield(name, old);
        const now = await other.claim(name, 'a', LONG_MS);
        expect(now.epoch).toBeGreaterThan(old.epoch);
        expect(await one.renew(name, old, LONG_MS)).toBe(false);
        await one.yield(name, old);
        expect(await one.holder(name)).toEqual(now);
        expect(await one.renew(name, { holder: 'b', epoch: now.epoch }, LONG_MS)).toBe(false);
      });

      test('gives an epoch that is a safe integer and greater with every change of hands', async () => {
        const name = freshKey();
        let last = 0;
        for (let round = 0; round < 30; round++) {
          const lease = await (round % 2 ? one : other).claim(name, `n${round}`, LONG_MS);
          expect(lease.holder).toBe(`n${round}`);
          expect(Number.isSafeInteger(lease.epoch) && lease.epoch > last).toBe(true);
          last = lease.epoch;
          await one.yield(name, lease);
        }
      });

      test('is free when its time is over, and the next epoch is greater', async () => {
        const name = freshKey();
        const first = await one.claim(name, 'a', SOON_MS);
        let next = first;
        await until('the lease ends', async () => {
          next = await other.claim(name, 'b', LONG_MS);
          return next.holder === 'b';
        });
        expect(next.epoch).toBeGreaterThan(first.epoch);
        expect(await one.renew(name, first, LONG_MS)).toBe(false);
      });
    });

    describe('a log', () => {
      test('gives back what was appended, in order and with its note', async () => {
        const key = freshKey();
        expect(await other.readLog(key)).toBeUndefined();
        await one.openLog(key, 'w', Buffer.from([0, 255]), LONG_MS);
        expect(await other.readLog(key)).toEqual({
          entries: [],
          last: 0,
          ended: false,
          writer: 'w',
          note: Buffer.from([0, 255]),
        });
        const data = ['', 'one', 'two'].map((text) => Buffer.from(text));
        for (const entry of data) expect(await one.append(key, 'w', entry, ROOMY)).toBe(true);
        const content = await other.readLog(key);
        expect(content?.entries).toEqual(data.map((entry, at) => ({ seq: at + 1, data: entry })));
        expect(content?.last).toBe(3);
      });

      test('takes appends that are sent without waiting in the order they were sent', async () => {
        const key = freshKey();
        await one.openLog(key, 'w', Buffer.alloc(0), LONG_MS);
        const texts = Array.from({ length: 200 }, (_, at) => `entry ${at}`);
        await Promise.all(texts.map((text) => one.append(key, 'w', Buffer.from(text), ROOMY)));
        expect((await other.readLog(key))?.entries.map(({ data }) => data.toString())).toEqual(texts);
      });

      test('drops its oldest entries beyond the number allowed, and goes on counting', async () => {
        const key = freshKey();
        await one.openLog(key, 'w', Buffer.alloc(0), LONG_MS);
        for (let at = 1; at <= 7; at++) await one.append(key, 'w', Buffer.from(`${at}`), { ...ROOMY, entries: 3 });
        const content = await one.readLog(key);
        expect(content?.entries.map(({ seq, data }) => `${seq}=${data}`)).toEqual(['5=5', '6=6', '7=7']);
        expect(content?.last).toBe(7);
      });

      test('drops its oldest entries beyond the bytes allowed, even the only one', async () => {
        const key = freshKey();
        await one.openLog(key, 'w', Buffer.alloc(0), LONG_MS);
        const bounds = { ...ROOMY, bytes: 100 };
        for (let at = 1; at <= 5; at++) await one.append(key, 'w', Buffer.alloc(40, at), bounds);
        expect((await one.readLog(key))?.entries.map(({ seq }) => seq)).toEqual([4, 5]);
        expect(await one.append(key, 'w', Buffer.alloc(101), bounds)).toBe(true);
        expect(await one.readLog(key)).toMatchObject({ entries: [], last: 6 });
        await one.append(key, 'w', Buffer.alloc(100), bounds);
        expect((await one.readLog(key))?.entries.map(({ seq }) => seq)).toEqual([7]);
      });

      // Attack: the node that was given up for dead goes on writing into the stream that somebody else has replayed and ended.
      test('takes nothing from the writer it was taken from', async () => {
        const key = freshKey();
        await one.openLog(key, 'w', Buffer.from('note'), LONG_MS);
        await one.append(key, 'w', Buffer.from('1'), ROOMY);
        const taken = await other.takeLog(key, 'v', LONG_MS);
        expect(taken).toMatchObject({ last: 1, writer: 'v', ended: false, note: Buffer.from('note') });
        expect(taken?.entries).toEqual([{ seq: 1, data: Buffer.from('1') }]);
        expect(await one.append(key, 'w', Buffer.from('2'), ROOMY)).toBe(false);
        expect(await one.endLog(key, 'w', LONG_MS)).toBe(false);
        expect(await other.append(key, 'v', Buffer.from('3'), ROOMY)).toBe(true);
        expect(await other.endLog(key, 'v', LONG_MS)).toBe(true);
        expect(await one.endLog(key, 'w', 0)).toBe(false);
        expect(await other.endLog(key, 'v', LONG_MS)).toBe(true);
        expect(await other.append(key, 'v', Buffer.from('4'), ROOMY)).toBe(false);
        expect(await one.readLog(key)).toMatchObject({ last: 2, ended: true, entries: [{ seq: 1 }, { seq: 2 }] });
      });

      test('that is taken while its writer writes has in it what the writer was told is in it, and nothing more', async () => {
        const key = freshKey();
        await one.openLog(key, 'w', Buffer.alloc(0), LONG_MS);
        const appends = Array.from({ length: 100 }, (_, at) => one.append(key, 'w', Buffer.from(`${at}`), ROOMY));
        const taken = await other.takeLog(key, 'v', LONG_MS);
        const accepted = (await Promise.all(appends)).filter(Boolean).length;
        expect(taken?.entries.length).toBe(accepted);
        expect((await one.readLog(key))?.last).toBe(accepted);
      });

      test('that has ended is given another lifetime by its writer alone, and with none it is gone', async () => {
        const key = freshKey();
        await one.openLog(key, 'w', Buffer.from('note'), LONG_MS);
        await one.append(key, 'w', Buffer.from('1'), ROOMY);
        await one.endLog(key, 'w', LONG_MS);
        expect(await other.endLog(key, 'v', 0)).toBe(false);
        expect(await other.readLog(key)).toMatchObject({ last: 1, ended: true });
        expect(await one.endLog(key, 'w', 0)).toBe(true);
        expect(await other.readLog(key)).toBeUndefined();
        await one.openLog(key, 'w', Buffer.alloc(0), LONG_MS);
        expect(await other.readLog(key)).toMatchObject({ entries: [], last: 0 });
      });

      test('is emptied by an entry without room, and still says what its writer said of it', async () => {
        const key = freshKey();
        await one.openLog(key, 'w', Buffer.from('note'), LONG_MS);
        for (let at = 0; at < 3; at++) await one.append(key, 'w', Buffer.from('1'), ROOMY);
        expect(await one.append(key, 'w', Buffer.alloc(0), { entries: 0, bytes: 0, ttlMs: LONG_MS })).toBe(true);
        expect(await other.readLog(key)).toMatchObject({ entries: [], note: Buffer.from('note'), ended: false });
      });

      test('begins anew when it is opened again', async () => {
        const key = freshKey();
        await one.openLog(key, 'w', Buffer.from('old'), LONG_MS);
        await one.append(key, 'w', Buffer.from('1'), ROOMY);
        await one.endLog(key, 'w', LONG_MS);
        await one.openLog(key, 'x', Buffer.from('new'), LONG_MS);
        expect(await one.append(key, 'w', Buffer.from('2'), ROOMY)).toBe(false);
        expect(await one.append(key, 'x', Buffer.from('3'), ROOMY)).toBe(true);
        expect(await other.readLog(key)).toEqual({
          entries: [{ seq: 1, data: Buffer.from('3') }],
          last: 1,
          ended: false,
          writer: 'x',
          note: Buffer.from('new'),
        });
      });

      test('ends with its lifetime, and then nobody may write', async () => {
        const [key, unknown] = [freshKey(), freshKey()];
        await one.openLog(key, 'w', Buffer.alloc(0), LONG_MS);
        await one.append(key, 'w', Buffer.from('1'), { ...ROOMY, ttlMs: SOON_MS });
        await until('the log ends', async () => (await other.readLog(key)) === undefined);
        for (const gone of [key, unknown]) {
          expect(await one.append(gone, 'w', Buffer.from('2'), ROOMY)).toBe(false);
          expect(await one.endLog(gone, 'w', LONG_MS)).toBe(false);
          expect(await one.takeLog(gone, 'w', LONG_MS)).toBeUndefined();
          expect(await one.readLog(gone)).toBeUndefined();
        }
      });
    });

    describe('a channel', () => {
      test('brings every message to all who listen, in order and byte for byte', async () => {
        const channel = freshKey();
        const heard: string[][] = [[], [], []];
        const stops = [];
        for (const [at, store] of [one, one, other].entries()) {
          stops.push(await store.subscribe(channel, (message) => heard[at]?.push(message.toString('hex'))));
        }
        const messages = ['', '00ff0d0a', ...Array.from({ length: 100 }, (_, at) => at.toString(16).padStart(4, '0'))];
        for (const message of messages) await other.publish(channel, Buffer.from(message, 'hex'));
        await until('all heard', () => heard.every((all) => all.length >= messages.length));
        expect(heard).toEqual([messages, messages, messages]);
        for (const stop of stops) await stop();
      });

      test('is silent for who left, and for nobody else', async () => {
        const channel = freshKey();
        const left: string[] = [];
        const stayed: string[] = [];
        const leave = await one.subscribe(channel, (message) => left.push(message.toString()));
        const stop = await one.subscribe(channel, (message) => stayed.push(message.toString()));
        await one.publish(channel, Buffer.from('1'));
        await until('both heard', () => left.length === 1 && stayed.length === 1);
        await leave();
        await leave();
        await one.publish(channel, Buffer.from('2'));
        await until('the other heard', () => stayed.length === 2);
        expect(left).toEqual(['1']);
        await stop();
      });

      test('can be left and entered again many times', async () => {
        const channel = freshKey();
        const heard: number[] = [];
        for (let round = 0; round < 20; round++) {
          const leaving = (await one.subscribe(channel, () => heard.push(-1)))();
          const stop = await one.subscribe(channel, () => heard.push(round));
          await leaving;
          await other.publish(channel, Buffer.from('x'));
          await until('it is heard', () => heard.includes(round));
          await stop();
        }
        expect(heard).toEqual(Array.from({ length: 20 }, (_, round) => round));
      });
    });

    test('has one clock, for all', async () => {
      const before = Date.now();
      const [mine, others] = [await one.time(), await other.time()];
      expect(mine).toBeGreaterThanOrEqual(before - 1);
      expect(others).toBeGreaterThanOrEqual(mine);
      expect(others).toBeLessThanOrEqual(Date.now() + 1);
      expect(await one.born()).toBeLessThanOrEqual(mine);
    });

    test('was born once, for all', async () => {
      const born = await one.born();
      expect(born).toBeLessThanOrEqual(Date.now());
      expect(born).toBeGreaterThan(Date.now() - LONG_MS);
      expect(await other.born()).toBe(born);
    });

    test('is up until it is closed, and then refuses everything', async () => {
      await using own = await open();
      expect(own.one.isUp).toBe(true);
      await own.one.close();
      expect(own.one.isUp).toBe(false);
      const refused = { code: 'store.unavailable' };
      await expect(own.one.read('k')).rejects.toMatchObject(refused);
      await expect(own.one.claim('k', 'a', LONG_MS)).rejects.toMatchObject(refused);
      await expect(own.one.publish('k', Buffer.alloc(0))).rejects.toMatchObject(refused);
      await expect(own.one.subscribe('k', () => undefined)).rejects.toMatchObject(refused);
      await own.one.close();
    });
  });
}

function asText(fields: ReadonlyMap<string, Buffer> | undefined): Record<string, string> | undefined {
  return fields && Object.fromEntries([...fields].map(([name, value]) => [name, value.toString()]));
}
