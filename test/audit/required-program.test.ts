/** `audit.mode` of the program: with a disk that is full, with kill -9 in the middle of a call, and with several workers. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PATIENT, type Program, startProgram } from '../e2e/support/programs.ts';
import { launchFixture } from '../fixtures/launch.ts';
import { openSession } from '../requirements/support/clients.ts';
import { at } from '../requirements/support/json.ts';
import { post, send } from '../requirements/support/wire.ts';
import { ALONE } from '../workers/support.ts';
import { BIN, KEY, recordsOf, runAuditCommand, type Scratch, scratch, verify } from './support.ts';

interface Tried extends AsyncDisposable {
  readonly place: Scratch;
  readonly config: string;
  /** How often tools took effect. */
  effects(): Promise<number>;
}

/** A server whose effects show in a file, and a configuration that keeps an audit log before it. */
async function setUp(audit: object, more: object = {}): Promise<Tried> {
  await using stack = new AsyncDisposableStack();
  const place = stack.use(await scratch());
  const other = stack.use(await scratch());
  const effects = join(other.folder, 'effects.ndjson');
  await writeFile(effects, '');
  const server = stack.use(
    await launchFixture('test/fleet/servers/modern-http.ts', [], { env: { EFFECTS_FILE: effects } }),
  );
  await writeFile(
    other.file,
    JSON.stringify({
      listen: { port: 0 },
      admin: { port: 0 },
      upstreams: { tools: { url: server.url } },
      audit: { file: place.file, key: { env: 'KEY' }, ...audit },
      ...more,
    }),
  );
  const rest = stack.move();
  return {
    place,
    config: other.file,
    effects: async () => (await readFile(effects, 'utf8')).split('\n').length - 1,
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

/** Starts the program; with `limitKib` no file that it writes may become larger, as with a disk that is full. */
async function serve(
  config: string,
  { limitKib, args = [] }: { readonly limitKib?: number; readonly args?: readonly string[] } = {},
): Promise<{ readonly program: Program; readonly base: string; readonly admin: string }> {
  const words = [process.execPath, BIN, 'serve', '-c', config, ...args];
  const env = { KEY };
  const program =
    limitKib === undefined
      ? startProgram(words[0] ?? '', words.slice(1), { env })
      : startProgram('bash', ['-c', `ulimit -f ${limitKib}; exec "$@"`, '-', ...words], { env });
  const [, base = ''] = await program.until(/MCP +(https?:\/\/[^/\s]+)/);
  const [, admin = ''] = await program.until(/Console +(http:\S+)/);
  return { program, base, admin };
}

describe('audit.mode of the program', () => {
  it('required: what is not recorded is not served, and says why; what is there is served again once there is room', {
    timeout: 120_000,
  }, async () => {
    await using tried = await setUp({ mode: 'required' });
    const first = await serve(tried.config, { limitKib: 32 });
    await using _program = first.program;
    const url = `${first.base}/mcp`;
    const session = await openSession(url);
    const stream = await session.listen();
    let served = 0;
    let refusal = await session.request('tools/call', { name: 'note', arguments: { call: `c${served}` } });
    for (; refusal.status === 200 && served < 500; ) {
      served++;
      refusal = await session.request('tools/call', { name: 'note', arguments: { call: `c${served}` } });
    }
    expect(served).toBeGreaterThan(5);
    expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(at(refusal.json(), 'error', 'data')).toMatchObject({ reason: 'audit.unavailable', retryable: true });
    // Every way in says so, for both eras, with the id of the request, and to balancers.
    const again = await session.request('tools/list', {}, 'an id');
    expect(again.status).toBe(503);
    expect(at(again.json(), 'id')).toBe('an id');
    expect((await post(url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })).status).toBe(503);
    expect((await send('GET', `${first.base}/api/tools`, {})).status).toBe(503);
    expect((await send('GET', url, { ...session.headers, accept: 'text/event-stream' })).status).toBe(503);
    expect((await send('GET', `${first.base}/readyz`, {})).status).toBe(503);
    // What is no new exchange goes on.
    expect((await send('GET', `${first.base}/livez`, {})).status).toBe(200);
    expect((await session.request('ping')).status).toBe(200);
    expect((await session.notify('notifications/cancelled', { requestId: 99 })).status).toBe(202);
    const metrics = (await send('GET', `${first.admin}/metrics`, {})).text;
    expect(metrics).toMatch(/^mcpgw_audit_up 0$/m);
    expect(metrics).toMatch(/^mcpgw_audit_dropped_total 0$/m);
    expect(metrics).toMatch(/^mcpgw_http_rejects_total\{reason="audit.unavailable"\} [1-9]/m);
    expect(first.program.stderr()).toContain('nothing new is served');
    expect((await session.end()).status).toBe(200);
    await stream.reader.rest();
    first.program.child.kill('SIGKILL');
    await first.program.ended;

    // Each call that took effect is on record, though the disk was full and the gateway was killed.
    const effects = await tried.effects();
    expect(effects).toBeGreaterThanOrEqual(served);
    const starts = async (): Promise<number> =>
      (await readableRecords(tried.place)).filter(({ event }) => event === 'exchange.start').length;
    expect(await starts()).toBeGreaterThanOrEqual(effects);

    // There is room again.
    const second = await serve(tried.config);
    await using _again = second.program;
    const more = await openSession(`${second.base}/mcp`);
    expect((await more.request('tools/call', { name: 'note', arguments: { call: 'last' } })).status).toBe(200);
    await second.program.stop();
    expect(await verify([tried.place.file])).toMatchObject({ ok: true });
    expect(await unendedOf(tried.place)).toEqual([]);
  });

  it('best effort: everything is served with a full disk, and the gap is counted', { timeout: 120_000 }, async () => {
    await using tried = await setUp({ queueBytes: 1_024, flush: '10ms' });
    const { program, base, admin } = await serve(tried.config, { limitKib: 8 });
    await using _program = program;
    const session = await openSession(`${base}/mcp`);
    for (let n = 0; n < 60; n++) {
      const answer = await session.request('tools/call', { name: 'note', arguments: { call: `c${n}` } });
      expect(answer.status).toBe(200);
    }
    expect(await tried.effects()).toBe(60);
    await expect
      .poll(async () => (await send('GET', `${admin}/metrics`, {})).text, PATIENT)
      .toMatch(/^mcpgw_audit_dropped_total [1-9]\d*$/m);
    expect((await send('GET', `${base}/readyz`, {})).status).toBe(200);
    expect(program.stderr()).toContain('records are dropped');
  });

  it('kill -9 in the middle of a call leaves a start without an end, which the next start ends as unknown', {
    timeout: 120_000,
  }, async () => {
    await using tried = await setUp({ mode: 'required' });
    const first = await serve(tried.config);
    await using _program = first.program;
    const session = await openSession(`${first.base}/mcp`);
    const call = session
      .request('tools/call', { name: 'slow', arguments: { call: 'c1', ms: 60_000 } })
      .catch(() => null);
    await expect.poll(() => tried.effects(), PATIENT).toBe(1);
    first.program.child.kill('SIGKILL');
    await first.program.ended;
    await call;

    // Before anything else runs: the log itself proves that the call went out.
    const left = await runAuditCommand('session', session.id, tried.place.file, '--key-env', 'KEY', '--json');
    expect(JSON.parse(left.stdout)).toMatchObject({ unfinished: 1, chain: 'whole' });
    const [begun] = (await recordsOf(tried.place.file)).filter(({ event }) => event === 'exchange.start');
    expect(begun).toMatchObject({ op: { method: 'tools/call', tool: 'slow' }, upstream: { name: 'tools' } });

    const second = await serve(tried.config);
    await using _again = second.program;
    await second.program.stop();
    const told = await runAuditCommand('session', session.id, tried.place.file, '--key-env', 'KEY', '--json');
    expect(JSON.parse(told.stdout)).toMatchObject({ unfinished: 0, outcomes: { unknown: 1 }, chain: 'whole' });
    const moment = await runAuditCommand('at', begun?.t ?? '', tried.place.file, '--key-env', 'KEY');
    expect(moment.stdout).toMatch(/exchange \S+ {2}tools\/call slow .*\(crash-recovered\)/);
    expect((await runAuditCommand('verify', tried.place.file, '--key-env', 'KEY')).code).toBe(0);
    expect(await unendedOf(tried.place)).toEqual([]);
  });

  it('the logs of workers are asked together, over a restart', { timeout: 120_000 }, async () => {
    await using tried = await setUp({ mode: 'required' });
    const ids: string[] = [];
    for (const _round of [1, 2]) {
      const { program, base } = await serve(tried.config, { args: ['--workers', '2'] });
      await using _program = program;
      const session = await openSession(`${base}/mcp`, { headers: ALONE });
      ids.push(session.id);
      for (let n = 0; n < 12; n++) {
        const answer = await session.request('tools/call', { name: 'note', arguments: { call: `c${n}` } });
        expect(answer.status, answer.text).toBe(200);
      }
      await session.end();
      expect(await program.stop()).toBe(0);
    }
    const files = await tried.place.files();
    expect(files).toHaveLength(2);
    // Both workers had some of the calls.
    for (const file of files)
      expect((await recordsOf(file)).some(({ event }) => event === 'exchange.start')).toBe(true);
    const verdict = await runAuditCommand('verify', ...files, '--key-env', 'KEY');
    expect(verdict).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/worker-1[\s\S]*whole:[\s\S]*worker-2[\s\S]*whole:/),
    });
    for (const id of ids) {
      const story = await runAuditCommand('session', id, ...files, '--key-env', 'KEY', '--json');
      expect(JSON.parse(story.stdout)).toMatchObject({
        exchanges: 12,
        unfinished: 0,
        outcomes: { ok: 12 },
        chain: 'whole',
      });
    }
    const now = await runAuditCommand('at', new Date().toISOString(), ...files, '--key-env', 'KEY', '--json');
    expect(JSON.parse(now.stdout)).toMatchObject({
      logs: [
        { sessions: [], orphans: [] },
        { sessions: [], orphans: [] },
      ],
    });
  });
});

/** The records of a log whose last line may be torn. */
async function readableRecords(place: Scratch) {
  const text = await readFile(place.file, 'latin1');
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as { readonly event: string; readonly exchange?: string }];
    } catch {
      return [];
    }
  });
}

/** Exchanges that started and have no end. */
async function unendedOf(place: Scratch): Promise<unknown[]> {
  const open = new Set<unknown>();
  for (const { event, exchange } of await readableRecords(place)) {
    if (event === 'exchange.start') open.add(exchange);
    if (event === 'exchange.end') open.delete(exchange);
  }
  return [...open];
}
