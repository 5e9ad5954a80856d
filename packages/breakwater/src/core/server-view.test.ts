import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../../test/downstream/manual-clock.ts';
import type { Revision } from '../protocol/revision.ts';
import type { CallSink, Handle, Lease, ServerChange, Upstream } from './ports.ts';
import { ServerView, ServerViews } from './server-view.ts';

const MINUTE = 60_000;
const SETTINGS = { ttlMs: MINUTE, acquireTimeoutMs: 1_000 };
const alice = { key: 'alice', personal: true };
const TOOLS_CHANGED: ServerChange = { kind: 'tools', params: undefined };

/** A handle whose server lists one tool, named after the number of times it was asked. */
class ListedHandle implements Handle {
  readonly id: string;
  readonly upstream = 'u';
  revision: Revision = '2025-11-25';
  readonly server = {
    capabilities: { tools: { listChanged: true } },
    info: Buffer.from('{"name":"u","version":"1"}'),
    instructions: undefined,
  };
  readonly changeListeners = new Set<(change: ServerChange) => void>();
  readonly endListeners = new Set<(reason: string) => void>();
  reads = 0;
  leases = 0;
  isFailing = false;
  /** While set, answers wait here. */
  held: (() => void)[] | undefined;

  constructor(id: string) {
    this.id = id;
  }

  call(_call: unknown, sink: CallSink) {
    const name = `v${++this.reads}`;
    const answer = (): void =>
      this.isFailing
        ? sink.done({ kind: 'failed', error: new Error('gone') })
        : sink.done({
            kind: 'result',
            revision: this.revision,
            result: Buffer.from(JSON.stringify({ tools: [{ name, inputSchema: { type: 'object' } }] })),
          });
    if (this.held === undefined) queueMicrotask(answer);
    else this.held.push(answer);
    return { cancel: () => undefined, pause: () => undefined, resume: () => undefined };
  }

  letGo(): void {
    for (const answer of this.held?.splice(0) ?? []) answer();
    this.held = undefined;
  }

  change(): void {
    for (const listener of [...this.changeListeners]) listener(TOOLS_CHANGED);
  }

  end(): void {
    for (const listener of [...this.endListeners]) listener('idle');
  }

  onChange(listener: (change: ServerChange) => void): () => void {
    this.changeListeners.add(listener);
    return () => void this.changeListeners.delete(listener);
  }

  onEnd(listener: (reason: string) => void): () => void {
    this.endListeners.add(listener);
    return () => void this.endListeners.delete(listener);
  }

  onPage = () => () => undefined;
  onQuestion = () => () => undefined;
  onProgress = () => () => undefined;
  openFeed = async () => true;
  watch = async () => true;
  unwatch = async () => undefined;
  watchTask = async () => false;
  unwatchTask = async () => undefined;
  close = async () => undefined;
}

function setUp() {
  const clock = new ManualClock();
  const [a, b] = [new ListedHandle('a'), new ListedHandle('b')];
  /** Which handle is given out, and what giving waits for. */
  const pool: { current: ListedHandle; gate: Promise<void> | undefined } = { current: a, gate: undefined };
  const upstream: Upstream = {
    name: 'u',
    acquire: async (): Promise<Lease> => {
      await pool.gate;
      const handle = pool.current;
      handle.leases++;
      const lease: Lease = { handle, release: () => void handle.leases--, share: () => lease };
      return lease;
    },
    endSession: async () => undefined,
    close: async () => undefined,
  };
  const emit = () => undefined;
  const view = new ServerView({ upstream, principal: alice, clock, emit, ...SETTINGS });
  const tools = async () => (await view.list('tools')).items.map((item) => item.name);
  return { clock, a, b, pool, upstream, view, tools, emit };
}

/** Lets everything happen that waits for nothing. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('ServerView lists', () => {
  it('believes a list until the server reports a change', async () => {
    const { a, tools, clock } = setUp();
    expect(await tools()).toEqual(['v1']);
    clock.advance(30 * MINUTE);
    expect(await tools()).toEqual(['v1']);
    a.change();
    expect(await tools()).toEqual(['v2']);
  });

  it('reads again a list that changed while it was read for the first time', async () => {
    const { a, tools } = setUp();
    a.held = [];
    const first = tools();
    await settle();
    a.change();
    a.letGo();
    expect(await first).toEqual(['v1']);
    expect(await tools()).toEqual(['v2']);
  });

  it('does not answer who asks after a change from a read that began before it', async () => {
    const { a, tools } = setUp();
    a.held = [];
    const before = tools();
    const together = tools();
    await settle();
    a.change();
    const after = tools();
    await settle();
    a.letGo();
    expect(await Promise.all([before, together, after])).toEqual([['v1'], ['v1'], ['v2']]);
    expect(await tools()).toEqual(['v2']);
  });

  it('tries again soon to refresh a changed list, feed or not', async () => {
    const { a, tools, clock } = setUp();
    await tools();
    a.change();
    a.isFailing = true;
    expect(await tools()).toEqual(['v1']);
    const { reads } = a;
    expect(await tools()).toEqual(['v1']);
    expect(a.reads).toBe(reads);
    a.isFailing = false;
    clock.advance(5_000);
    expect(await tools()).toEqual([`v${reads + 1}`]);
  });

  it('tries at once when the server reports again, and gives up on a list that is an hour late', async () => {
    const { a, tools, clock } = setUp();
    await tools();
    a.change();
    a.isFailing = true;
    await tools();
    const { reads } = a;
    a.change();
    await tools();
    expect(a.reads).toBe(reads + 1);
    clock.advance(61 * MINUTE);
    await expect(tools()).rejects.toThrow('gone');
  });

  it('waits for a list that never comes once, and not for long', async () => {
    const { a, view, clock } = setUp();
    a.revision = '2026-07-28';
    a.held = [];
    const glance = view.glance('tools', 5_000);
    await settle();
    clock.advance(5_000);
    expect(await glance).toBeUndefined();
    expect(await view.glance('tools', 5_000)).toBeUndefined();
    a.letGo();
    await settle();
    expect((await view.glance('tools', 5_000))?.items[0]?.name).toBe('v1');
    expect(a.reads).toBe(1);
  });
});

describe('ServerView feed', () => {
  it('hears the handle that it holds, and releases it', async () => {
    const { a, b, pool, view, tools } = setUp();
    await tools();
    pool.current = b;
    const heard: string[] = [];
    const stop = view.onChange(({ kind }) => heard.push(kind));
    await settle();
    expect([a.leases, b.leases]).toEqual([0, 1]);
    expect([a.changeListeners.size, b.changeListeners.size]).toEqual([0, 1]);
    a.end();
    b.change();
    expect(heard).toEqual(['tools']);
    stop();
    expect([a.leases, b.leases]).toEqual([0, 0]);
  });

  it('keeps believing its lists when it moves to another handle without a gap', async () => {
    const { b, pool, view, tools, clock } = setUp();
    await tools();
    pool.current = b;
    view.onChange(() => undefined);
    await settle();
    clock.advance(30 * MINUTE);
    expect(await tools()).toEqual(['v1']);
    expect(b.reads).toBe(0);
  });

  it('opens the feed again after the handle ended, and reports what may have been missed', async () => {
    const { a, b, pool, view, clock } = setUp();
    const heard: string[] = [];
    view.onChange(({ kind }) => heard.push(kind));
    await settle();
    pool.current = b;
    a.end();
    expect(a.leases).toBe(0);
    clock.advance(5_000);
    await settle();
    expect(b.leases).toBe(1);
    expect(heard).toEqual(['tools']);
  });

  it('holds the feed for a listener that joins while the last one is leaving', async () => {
    const { a, pool, view } = setUp();
    const { promise, resolve } = Promise.withResolvers<void>();
    pool.gate = promise;
    view.onChange(() => undefined)();
    const heard: string[] = [];
    const stop = view.onChange(({ kind }) => heard.push(kind));
    resolve();
    await settle();
    expect(a.leases).toBe(1);
    a.change();
    expect(heard).toEqual(['tools']);
    stop();
    expect(a.leases).toBe(0);
  });

  it('holds the feed for a listener that joins after a drop while the feed is opening', async () => {
    const { a, view } = setUp();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    a.openFeed = () => promise;
    const stop = view.onChange(() => undefined);
    await settle();
    expect(a.leases).toBe(1);
    stop();
    expect(a.leases).toBe(0);
    view.onChange(() => undefined);
    resolve(true);
    await settle();
    expect(a.leases).toBe(1);
  });

  it('leaves nothing on a handle after it is closed, and reports nothing', async () => {
    const { a, view, tools } = setUp();
    await tools();
    const heard: string[] = [];
    view.onChange(({ kind }) => heard.push(kind));
    await settle();
    view.close();
    view.report(TOOLS_CHANGED);
    expect([a.changeListeners.size, a.endListeners.size, a.leases, heard.length]).toEqual([0, 0, 0, 0]);
  });

  it('leaves nothing on a shared handle for views that were forgotten', async () => {
    const { a, upstream, clock, emit } = setUp();
    const views = new ServerViews({ clock, emit, limit: 10 });
    for (let i = 0; i < 50; i++) await views.get(upstream, { key: `p${i}`, personal: true }, SETTINGS).facts();
    expect([a.changeListeners.size, a.endListeners.size]).toEqual([10, 10]);
    views.close();
    expect([a.changeListeners.size, a.endListeners.size]).toEqual([0, 0]);
  });
});
