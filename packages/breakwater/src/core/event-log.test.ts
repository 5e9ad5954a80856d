import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventLog, type EventLogLimits, type LogStream } from './event-log.ts';
import type { Clock } from './ports.ts';

function setUp(limits: Partial<EventLogLimits> = {}) {
  let now = 0;
  let ids = 0;
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  const clock: Clock = {
    now: () => now,
    after: (delayMs, run) => {
      const timer = { at: now + delayMs, run };
      timers.add(timer);
      return { clear: () => timers.delete(timer) };
    },
  };
  const log = new EventLog<string>({
    limits: { events: 10, bytes: 1_000, retainMs: 100, ...limits },
    clock,
    // A dash in it, as random ids may have.
    random: { id: () => `s-${++ids}` },
  });
  const advance = (ms: number): void => {
    now += ms;
    for (const timer of [...timers]) {
      if (timer.at > now) continue;
      timers.delete(timer);
      timer.run();
    }
  };
  return { log, advance, timers };
}

function texts(resumption: ReturnType<EventLog<string>['resume']>): string[] | undefined {
  return resumption.kind === 'known' ? resumption.events.map(({ data }) => data.toString()) : undefined;
}

describe('a stream that another log began', () => {
  const events = ['b', 'c'].map((text, at) => ({ seq: at + 2, data: Buffer.from(text) }));

  test('goes on from its last event', () => {
    const { log } = setUp();
    const stream = log.restore('owner', 'a.s', { events, last: 3 });
    expect(log.append(stream, Buffer.from('d'))).toBe('a.s-4');
    expect(log.resume('a.s-2')).toMatchObject({ kind: 'known', owner: 'owner', trimmed: false, ended: false });
    expect(texts(log.resume('a.s-2'))).toEqual(['c', 'd']);
    // The first one was dropped there.
    expect(log.resume('a.s-0')).toMatchObject({ trimmed: true });
    expect(log.resume('a.s-1')).toMatchObject({ trimmed: false });
  });

  test('keeps to the bounds, and is not kept by a log that is closed', () => {
    const { log } = setUp({ events: 1 });
    log.restore('owner', 'a.s', { events, last: 3 });
    expect([log.size, log.bytes]).toEqual([1, 1]);
    log.close();
    log.restore('owner', 'b.s', { events, last: 3 });
    expect([log.has('b.s'), log.size]).toEqual([false, 0]);
  });
});

describe('resume', () => {
  test('gives what came after an event, of that stream alone', () => {
    const { log } = setUp();
    const a = log.open('a');
    const b = log.open('b');
    const first = String(log.append(a, Buffer.from('a1')));
    log.append(b, Buffer.from('b1'));
    log.append(a, Buffer.from('a2'));
    expect(log.resume(first)).toMatchObject({
      kind: 'known',
      owner: 'a',
      trimmed: false,
      ended: false,
      lastLost: false,
    });
    expect(texts(log.resume(first))).toEqual(['a2']);
    expect(texts(log.resume(log.position(b)))).toEqual([]);
  });

  test('from the position before the first event gives everything', () => {
    const { log } = setUp();
    const a = log.open('a');
    const start = log.position(a);
    log.append(a, Buffer.from('a1'));
    expect(texts(log.resume(start))).toEqual(['a1']);
  });

  test.each([
    '',
    '-',
    's-1',
    's-1-',
    's-1-x',
    's-1--1',
    's-1-01',
    's-1-1.5',
    's-1-2',
    's-1-9007199254740993',
    'other-0',
  ])('%j is unknown', (id) => {
    const { log } = setUp();
    log.append(log.open('a'), Buffer.from('a1'));
    expect(log.resume(id)).toEqual({ kind: 'unknown' });
  });
});

describe('bounds', () => {
  test('the oldest event goes first, whichever stream it is of', () => {
    const { log } = setUp({ events: 2 });
    const a = log.open('a');
    const b = log.open('b');
    const start = log.position(a);
    log.append(a, Buffer.from('a1'));
    log.append(b, Buffer.from('b1'));
    log.append(b, Buffer.from('b2'));
    expect(log.size).toBe(2);
    expect(log.resume(start)).toMatchObject({ trimmed: true, lastLost: true, events: [] });
    expect(log.resume(log.position(a))).toMatchObject({ trimmed: false, lastLost: false });
  });

  test('bytes bound too, and an event larger than all of them is not kept', () => {
    const { log } = setUp({ bytes: 10 });
    const a = log.open('a');
    const start = log.position(a);
    log.append(a, Buffer.from('12345'));
    log.append(a, Buffer.from('x'.repeat(11)));
    expect([log.size, log.bytes]).toEqual([0, 0]);
    expect(log.resume(start)).toMatchObject({ lastLost: true });
  });

  test('many short streams leave few behind', () => {
    const { log, timers } = setUp({ events: 3 });
    const positions = Array.from({ length: 50 }, () => {
      const id = log.open('x');
      const position = log.position(id);
      log.append(id, Buffer.from('x'));
      log.end(id);
      return position;
    });
    expect(positions.filter((position) => log.resume(position).kind === 'known')).toHaveLength(3);
    expect(timers.size).toBe(1);
  });
});

describe('an ended stream', () => {
  test('is forgotten after its time, with its events', () => {
    const { log, advance, timers } = setUp();
    const a = log.open('a');
    const b = log.open('b');
    const start = log.position(a);
    log.append(a, Buffer.from('a1'));
    log.append(b, Buffer.from('b1'));
    log.end(a);
    advance(99);
    expect(log.resume(start)).toMatchObject({ kind: 'known', ended: true });
    advance(1);
    expect(log.resume(start)).toEqual({ kind: 'unknown' });
    expect([log.size, log.bytes, timers.size]).toEqual([1, 2, 0]);
  });

  test('keeps the log’s timer only as long as there is something to forget', () => {
    const { log, advance, timers } = setUp();
    log.end(log.open('a'));
    advance(50);
    log.end(log.open('b'));
    advance(50);
    expect(timers.size).toBe(1);
    advance(50);
    expect(timers.size).toBe(0);
  });
});

test('a closed log holds nothing and no timer', () => {
  const { log, timers } = setUp();
  const a = log.open('a');
  log.append(a, Buffer.from('a1'));
  log.end(a);
  log.close();
  expect([log.size, log.bytes, timers.size]).toEqual([0, 0, 0]);
});

// A server that talks on after the session ended must not throw into the handler of its messages.
test('what comes for a stream that is over is dropped', () => {
  const { log } = setUp();
  const ended = log.open('a');
  log.end(ended);
  expect(log.append(ended, Buffer.from('x'))).toBeUndefined();
  log.close();
  expect(log.append(log.open('b'), Buffer.from('x'))).toBeUndefined();
  expect([log.size, log.bytes]).toEqual([0, 0]);
});

/** What a log of a few lines would say: every event in one list, looked through from its start. */
class Model {
  readonly streams: { id: string; seqs: number; ended: number | undefined; isKept: boolean; dropped: number }[] = [];
  events: { id: string; seq: number; text: string }[] = [];

  add(id: string, text: string, limits: EventLogLimits): void {
    const stream = this.streams.find((one) => one.id === id);
    if (stream === undefined || stream.ended !== undefined) return;
    this.events.push({ id, seq: ++stream.seqs, text });
    while (this.events.length > limits.events || this.bytes > limits.bytes) {
      const gone = this.events.shift();
      const of = this.streams.find((one) => one.id === gone?.id);
      if (of !== undefined) of.dropped = gone?.seq ?? 0;
    }
  }

  get bytes(): number {
    return this.events.reduce((sum, { text }) => sum + text.length, 0);
  }

  /** `order`: ended streams, the oldest first. */
  forget(order: string[], now: number, { events, retainMs }: EventLogLimits): void {
    for (;;) {
      const stream = this.streams.find((one) => one.id === order[0]);
      if (stream?.ended === undefined) return;
      if (stream.ended + retainMs > now && order.length <= events) return;
      stream.isKept = false;
      order.shift();
      this.events = this.events.filter(({ id }) => id !== stream.id);
    }
  }
}

test('whatever comes in whichever order, it says what a simple list would', () => {
  const limits = { events: 6, bytes: 60, retainMs: 50 };
  const step = fc.oneof(
    fc.record({ type: fc.constant('open' as const) }),
    fc.record({ type: fc.constant('append' as const), at: fc.nat(7), size: fc.nat(25), isText: fc.boolean() }),
    fc.record({ type: fc.constant('end' as const), at: fc.nat(7) }),
    fc.record({ type: fc.constant('advance' as const), ms: fc.nat(30) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { log, advance } = setUp(limits);
      const model = new Model();
      const opened: LogStream<string>[] = [];
      const order: string[] = [];
      let now = 0;
      for (const one of steps) {
        // The newest few, so that streams that ended are written to, too.
        const stream = 'at' in one ? opened.at(-1 - one.at) : undefined;
        if (one.type === 'open') {
          const made = log.open('x');
          opened.push(made);
          model.streams.push({ id: made.id, seqs: 0, ended: undefined, isKept: true, dropped: 0 });
        } else if (one.type === 'advance') {
          now += one.ms;
          advance(one.ms);
          model.forget(order, now, limits);
        } else if (stream !== undefined && one.type === 'append') {
          const text = 'é'.repeat(one.size);
          log.append(stream, one.isText ? text : Buffer.from(text, 'latin1'));
          model.add(stream.id, text, limits);
        } else if (stream !== undefined && one.type === 'end') {
          log.end(stream);
          const known = model.streams.find(({ id }) => id === stream.id);
          if (known?.ended !== undefined) continue;
          if (known !== undefined) known.ended = now;
          order.push(stream.id);
          model.forget(order, now, limits);
        }
      }
      expect([log.size, log.bytes]).toEqual([model.events.length, model.bytes]);
      for (const { id, isKept, seqs, dropped, ended } of model.streams) {
        expect(log.has(id)).toBe(isKept);
        for (let after = 0; after <= seqs; after++) {
          const resumption = log.resume(`${id}-${after}`);
          if (!isKept) expect(resumption).toEqual({ kind: 'unknown' });
          else {
            const rest = model.events.filter((event) => event.id === id && event.seq > after);
            expect(resumption).toMatchObject({ trimmed: dropped > after, ended: ended !== undefined });
            expect(resumption).toMatchObject({ lastLost: seqs > after && dropped === seqs });
            expect(resumption.kind === 'known' && resumption.events.map((event) => event.id)).toEqual(
              rest.map(({ seq }) => `${id}-${seq}`),
            );
            expect(resumption.kind === 'known' && resumption.events.map(({ data }) => data.toString('latin1'))).toEqual(
              rest.map(({ text }) => text),
            );
          }
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

// Attack: events as large as may be. Each makes the log drop the one before, which must be gone then and not only uncounted.
test('what was dropped is not held', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { log } = setUp({ bytes: 10_000_000 });
  const stream = log.open('a');
  collect();
  const before = process.memoryUsage().arrayBuffers;
  for (let at = 0; at < 12; at++) log.append(stream, Buffer.alloc(9_000_000));
  // The collector gives buffers back beside us, and late on a busy machine.
  const grown = (): number => {
    collect();
    return process.memoryUsage().arrayBuffers - before;
  };
  await expect.poll(grown, { timeout: 20_000 }).toBeLessThan(20_000_000);
  expect(log.bytes).toBe(9_000_000);
});
