/** `audit.mode: required`: nothing is served that is not recorded. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Exchange } from '../../packages/breakwater/src/core/exchange.ts';
import { ManualClock } from '../downstream/manual-clock.ts';
import { openLog, openSession, recordsOf, scratch, verify } from './support.ts';

const CLIENT = {
  revision: '2025-11-25',
  info: undefined,
  capabilities: {},
  profile: { elicitForm: false, elicitUrl: false, sampling: false, samplingTools: false, roots: false },
} as unknown as Exchange['client'];

/** What is about to be asked of a server. */
function start(id: string, sessionId = 's') {
  const exchange: Exchange = {
    id,
    route: '/mcp',
    principal: { key: 'alice', personal: true },
    client: CLIENT,
    sessionId,
    method: 'tools/call',
    traits: undefined,
    params: undefined,
    name: 'pay',
    progress: false,
    logLevel: undefined,
    startedAt: 0,
  };
  return { exchange, upstream: 'bank' };
}

/** How it ended. */
function end(id: string) {
  const { exchange, upstream } = start(id);
  const { route, sessionId, method, name, startedAt } = exchange;
  const record = {
    ...{ id, route, sessionId, method, name, startedAt, upstream },
    principal: 'alice',
    revision: '2025-11-25',
    durationMs: 5,
    outcome: 'ok',
    code: undefined,
    edge: false,
    handle: 'h1',
  } as const;
  return { type: 'exchange', record } as const;
}

describe('required', () => {
  it('has the start of an exchange in the file before it goes on', async () => {
    await using place = await scratch();
    const { log, end: close } = await openLog(place.file, { mode: 'required' });
    await log.begin(start('x-1'));
    // Nothing was flushed, and no time has passed.
    expect((await recordsOf(place.file)).at(-1)).toMatchObject({
      event: 'exchange.start',
      exchange: 'x-1',
      principal: { ref: expect.any(String) },
      session: { ref: expect.any(String) },
      op: { method: 'tools/call', tool: 'pay' },
      upstream: { name: 'bank' },
    });
    log.record(end('x-1'));
    await log.flush();
    expect((await recordsOf(place.file)).at(-1)).toMatchObject({
      event: 'exchange.end',
      exchange: 'x-1',
      started: true,
    });
    await close();
    expect(await verify([place.file])).toMatchObject({ ok: true });
  });

  it('writes what is asked at one time together, and lets all of it go on', async () => {
    await using place = await scratch();
    const { log, end: close } = await openLog(place.file, { mode: 'required' });
    await Promise.all(Array.from({ length: 500 }, (_, at) => log.begin(start(`x-${at}`))));
    expect((await recordsOf(place.file)).filter(({ event }) => event === 'exchange.start')).toHaveLength(500);
    await close();
  });

  // The kernel's own full disk.
  it('lets nothing go on that a full disk does not take', async () => {
    const { log, notices } = await openLog('/dev/full', { mode: 'required' });
    expect(notices).toMatchObject([{ level: 'error', message: expect.stringContaining('nothing new is served') }]);
    expect(log.isOpen).toBe(false);
    await expect(log.begin(start('x-1'))).rejects.toMatchObject({ code: 'audit.unavailable' });
    expect(log.status).toMatchObject({ up: false, mode: 'required', dropped: 0 });
    await log.close();
  });

  // Attack: somebody deletes the log with its folder; what is recorded from then on must not go where nobody finds it.
  it('lets nothing go on while its folder is gone, and goes on when it is back', async () => {
    await using place = await scratch();
    const clock = new ManualClock();
    const folder = join(place.folder, 'log');
    const file = join(folder, 'audit.ndjson');
    await mkdir(folder);
    const { log, notices, end: close } = await openLog(file, { mode: 'required' }, clock);
    await log.begin(start('x-1'));
    await rm(folder, { recursive: true });
    await expect(log.begin(start('x-2'))).rejects.toMatchObject({ code: 'audit.unavailable' });
    expect(log.isOpen).toBe(false);
    await expect(log.begin(start('x-3'))).rejects.toMatchObject({ code: 'audit.unavailable' });
    await mkdir(folder);
    await expect
      .poll(() => {
        clock.advance(1_000);
        return log.isOpen;
      })
      .toBe(true);
    await log.begin(start('x-4'));
    expect(notices.map(({ message }) => message)).toEqual([
      expect.stringContaining('cannot be written'),
      expect.stringContaining('was deleted'),
      expect.stringContaining('written again'),
    ]);
    const records = await recordsOf(file);
    // What was refused while the log was away is on record, too; that it had an end, its caller says.
    expect(records.map(({ exchange }) => exchange).filter((id) => id !== undefined)).toEqual(['x-2', 'x-4']);
    await close();
    // Whoever deleted the beginning is found out.
    expect(await verify([file])).toMatchObject({ ok: false });
  });

  it('lets nothing go on while more waits than may', async () => {
    await using place = await scratch();
    const { log, end: close } = await openLog(place.file, { mode: 'required', queueBytes: 10_000 });
    for (let n = 0; n < 100; n += 1) log.record({ type: 'refusal', code: 'request.path', route: undefined });
    expect(log.isOpen).toBe(false);
    await expect(log.begin(start('x-1'))).rejects.toMatchObject({ code: 'audit.unavailable' });
    await log.flush();
    expect(log.isOpen).toBe(true);
    await log.begin(start('x-2'));
    await close();
    expect(log.status.dropped).toBeGreaterThan(0);
  });
});

describe('best effort', () => {
  it('records the start of what is still under way when records are written, and nothing of the start of what is over', async () => {
    await using place = await scratch();
    const clock = new ManualClock();
    const { log, end: close } = await openLog(place.file, {}, clock);
    expect(log.begin(start('short'))).toBeUndefined();
    expect(log.begin(start('long'))).toBeUndefined();
    log.record(end('short'));
    clock.advance(1_000);
    log.record(end('long'));
    expect(log.begin(start('left'))).toBeUndefined();
    await close();
    const records = await recordsOf(place.file);
    const told = records.filter(({ exchange }) => exchange !== undefined);
    expect(told.map(({ event, exchange, started, outcome }) => [event, exchange, started, outcome])).toEqual([
      ['exchange.end', 'short', undefined, 'ok'],
      ['exchange.start', 'long', undefined, undefined],
      ['exchange.end', 'long', true, 'ok'],
      ['exchange.start', 'left', undefined, undefined],
      ['exchange.end', 'left', true, 'unknown'],
    ]);
    expect(told.at(-1)).toMatchObject({ reason: 'left-open', op: { tool: 'pay' } });
    expect(records.at(-1)).toMatchObject({ event: 'gateway.stop', open: { exchange: 1 } });
    expect(await verify([place.file])).toMatchObject({ ok: true });
  });

  // Attack: calls that take long, so many that each one that ends would be looked for among all of them.
  it('records the starts of very many calls before it is time', async () => {
    await using place = await scratch();
    const { log, end: close } = await openLog(place.file);
    for (let n = 0; n < 1_001; n += 1) expect(log.begin(start(`x-${n}`))).toBeUndefined();
    log.record(end('x-0'));
    log.record(end('x-1000'));
    await close();
    const ends = (await recordsOf(place.file)).filter(({ event }) => event === 'exchange.end');
    expect(ends.slice(0, 2).map(({ exchange, started }) => [exchange, started])).toEqual([
      ['x-0', true],
      ['x-1000', undefined],
    ]);
    expect(await verify([place.file])).toMatchObject({ ok: true });
  });

  it('names no start of an exchange for whose start there was no room', async () => {
    await using place = await scratch();
    const clock = new ManualClock();
    const { log, end: close } = await openLog(place.file, { queueBytes: 2_000 }, clock);
    expect(log.begin(start('long'))).toBeUndefined();
    for (let n = 0; n < 50; n += 1) openSession(log, `session-${n}`);
    clock.advance(1_000);
    await log.flush();
    log.record(end('long'));
    await close();
    const records = await recordsOf(place.file);
    expect(records.find(({ event }) => event === 'log.gap')?.['events']).toMatchObject({ 'exchange.start': 1 });
    const told = records.filter(({ exchange }) => exchange !== undefined);
    expect(told.map(({ event, started }) => [event, started])).toEqual([['exchange.end', undefined]]);
    expect(records.at(-1)?.['open']).not.toHaveProperty('exchange');
  });

  it('serves on with a full disk, and says so', async () => {
    const clock = new ManualClock();
    const { log, notices, end: close } = await openLog('/dev/full', {}, clock);
    clock.advance(1_000);
    await expect.poll(() => log.status.up).toBe(false);
    expect(notices).toMatchObject([{ level: 'error', message: expect.stringContaining('its records wait') }]);
    expect(log.isOpen).toBe(true);
    expect(log.begin(start('x-1'))).toBeUndefined();
    await close();
  });
});

describe('after a crash', () => {
  it('what was under way has an end that says that nobody knows it, once', async () => {
    await using place = await scratch();
    // Never closed: it was killed.
    const { log } = await openLog(place.file, { mode: 'required', maxBytes: 1_500 });
    await log.begin(start('done'));
    log.record(end('done'));
    await log.begin(start('lost'));
    await log.flush();
    for (const _ of [1, 2]) await (await openLog(place.file, { mode: 'required' })).end();
    const files = await place.files();
    const records = await recordsOf(...files);
    const ends = records.filter(({ event }) => event === 'exchange.end');
    expect(ends.map(({ exchange, outcome, reason }) => [exchange, outcome, reason])).toEqual([
      ['done', 'ok', undefined],
      ['lost', 'unknown', 'crash-recovered'],
    ]);
    const begun = records.find(({ event, exchange }) => event === 'exchange.start' && exchange === 'lost');
    for (const member of ['principal', 'session', 'route', 'revision', 'op', 'upstream'])
      expect(ends[1]?.[member]).toEqual(begun?.[member]);
    expect(await verify(files)).toMatchObject({ ok: true });
    expect((await readFile(place.file, 'latin1')).split('\n').at(-1)).toBe('');
  });
});
