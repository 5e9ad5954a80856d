import { describe, expect, it } from 'vitest';
import { linesOf, openLog, openSession, readText, recordsOf, scratch, verify } from './support.ts';

describe('what callers send', () => {
  // Attack: a tool name with a line break adds a record of the attacker's own; the log then says what they like.
  it('adds no line and no member', async () => {
    await using place = await scratch();
    const { log } = await openLog(place.file, { principals: 'plain' });
    const name = 'echo"}\n{"v":1,"seq":3,"event":"session.close","session":{"ref":"x"},"mac":"';
    const info = Buffer.from(JSON.stringify({ name, version: `1\r\n\u2028\u009b2J${name}`, extra: 'not recorded' }));
    log.record({
      type: 'open',
      resource: 'session',
      id: 's',
      owner: name,
      principal: name,
      detail: name,
      client: info,
    });
    log.record(exchange({ name, method: 'tools/call', principal: name }));
    log.record(exchange({ name: undefined, method: name }));
    log.record({ type: 'close', resource: 'session', id: 's', reason: name });
    await log.close();
    const text = await readText(place.file);
    expect(text).toMatch(/^[\x20-\x7e\n]*$/);
    const records = await recordsOf(place.file);
    expect(records.map(({ event }) => event)).toEqual([
      'log.genesis',
      'session.open',
      'exchange.end',
      'exchange.end',
      'session.close',
      'gateway.stop',
    ]);
    expect(records[2]).toMatchObject({ op: { method: 'tools/call', tool: name }, principal: { ref: name } });
    expect(text).not.toContain('not recorded');
    expect((await verify([place.file])).ok).toBe(true);
  });

  // Attack: names of a megabyte fill the disk and bury the records that matter.
  it('is cut to a length', async () => {
    await using place = await scratch();
    const { log } = await openLog(place.file);
    const name = '\u{1f4a3}'.repeat(500_000);
    log.record(exchange({ name, method: 'tools/call' }));
    log.record(exchange({ name: `file:///${name}`, method: 'resources/read' }));
    await log.close();
    for (const line of await linesOf(place.file)) expect(line.length).toBeLessThan(3_000);
    expect((await recordsOf(place.file))[1]).toMatchObject({
      op: { tool: expect.stringContaining('(1000000 characters)') },
    });
    expect((await verify([place.file])).ok).toBe(true);
  });

  // Attack: whoever reads the log wants to go on with the sessions, tasks and addresses that it names.
  it('gives no credential away', async () => {
    await using place = await scratch();
    const { log, end } = await openLog(place.file);
    openSession(log, 'the-session-id');
    const mine = { type: 'open', resource: 'stream', id: 'st', owner: 'the-session-id', detail: 'get' } as const;
    log.record({ ...mine, session: 'the-session-id' });
    // An emitter that does not say what its owner is: it may be a session id.
    log.record({ ...mine, id: 'st2' });
    log.record(exchange({ sessionId: 'the-session-id', name: 'the-task-id', method: 'tasks/get' }));
    log.record(
      exchange({ name: 'https://user:the-password@host/path?token=the-token#the-fragment', method: 'resources/read' }),
    );
    log.configured({ text: 'the-secret', routes: ['/mcp'], upstreams: { one: 'the-secret' } });
    log.configured({ text: 'the-other', routes: ['/mcp'], upstreams: { one: 'the-other', two: '' } });
    await end();
    const text = await readText(place.file);
    expect(text).not.toMatch(/the-|alice/);
    const records = await recordsOf(place.file);
    expect(records.find(({ op }) => JSON.stringify(op)?.includes('resources'))).toMatchObject({
      op: { resource: 'https://host/path' },
    });
    expect(records.find(({ event }) => event === 'config.change')).toMatchObject({
      upstreams: { added: ['two'], changed: ['one'], removed: [] },
    });
  });
});

function exchange(record: { name: string | undefined; method: string; sessionId?: string; principal?: string }) {
  return {
    type: 'exchange',
    record: {
      id: 'x1',
      route: '/mcp',
      principal: 'alice',
      sessionId: undefined,
      revision: '2025-11-25',
      startedAt: 0,
      durationMs: 1,
      outcome: 'ok',
      code: undefined,
      edge: false,
      upstream: 'one',
      ...record,
    },
  } as const;
}
