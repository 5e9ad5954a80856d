import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../../test/downstream/manual-clock.ts';
import { NO_QUESTIONS } from '../protocol/capabilities.ts';
import type { Revision } from '../protocol/revision.ts';
import { Catalogue } from './catalogue.ts';
import type { CallSink, Handle, Lease, Upstream } from './ports.ts';
import type { RouteMember } from './route.ts';
import { ServerViews } from './server-view.ts';
import type { Subscriber } from './subscription.ts';

const subscriber: Subscriber = {
  route: '/mcp',
  principal: { key: 'alice', personal: true },
  sessionId: undefined,
  client: { revision: '2026-07-28', info: undefined, capabilities: {}, profile: NO_QUESTIONS },
};
const REGION = [{ path: ['region'], header: 'mcp-param-region', type: 'string' }];

function toolNamed(name: string, annotation = '"x-mcp-header":"Region"'): string {
  return `{"name":"${name}","inputSchema":{"type":"object","properties":{"region":{"type":"string",${annotation}}}}}`;
}

function setUp(
  options: {
    revision?: Revision;
    isHanging?: boolean;
    tools?: readonly string[];
    cached?: boolean;
    ttlMs?: number;
  } = {},
) {
  const { revision = '2026-07-28', isHanging = false, tools = [toolNamed('go')], cached = true, ttlMs = 0 } = options;
  const clock = new ManualClock();
  let reads = 0;
  const handle: Handle = {
    id: 'h',
    upstream: 'u',
    revision,
    server: { capabilities: { tools: {} }, info: Buffer.from('{}'), instructions: undefined },
    call: (_call: unknown, sink: CallSink) => {
      reads++;
      const result = Buffer.from(`{"tools":[${tools.join()}],"ttlMs":${ttlMs}}`);
      if (!isHanging) queueMicrotask(() => sink.done({ kind: 'result', revision, result }));
      return { cancel: () => undefined, pause: () => undefined, resume: () => undefined };
    },
    openFeed: async () => false,
    watch: async () => false,
    unwatch: async () => undefined,
    watchTask: async () => false,
    unwatchTask: async () => undefined,
    onChange: () => () => undefined,
    onPage: () => () => undefined,
    onQuestion: () => () => undefined,
    onProgress: () => () => undefined,
    onEnd: () => () => undefined,
    close: async () => undefined,
  };
  const upstream: Upstream = {
    name: 'u',
    acquire: async () => {
      const lease: Lease = { handle, release: () => undefined, share: () => lease };
      return lease;
    },
    endSession: async () => undefined,
    close: async () => undefined,
  };
  const timing = { ttlMs: 60_000, acquireTimeoutMs: 1_000, requestTimeoutMs: 1_000 };
  const member: RouteMember = { upstream, prefix: '', cached, crossTasks: false, disabledTools: new Set(), ...timing };
  const emit = () => undefined;
  const views = new ServerViews({ clock, emit, limit: 10 });
  const catalogue = new Catalogue({ route: { path: '/mcp', members: [member] }, views, clock, emit });
  return { catalogue, clock, reads: () => reads };
}

describe('Catalogue.ready', () => {
  const INFO = Buffer.from('{}');

  it('is the page that was rendered last, for the same principal and revision', async () => {
    const { catalogue, reads } = setUp({ ttlMs: 60_000 });
    expect(catalogue.ready('tools', subscriber)).toBeUndefined();
    const page = await catalogue.page('tools', subscriber, undefined, INFO);
    expect(catalogue.ready('tools', subscriber)).toBe(page);
    expect(catalogue.ready('prompts', subscriber)).toBeUndefined();
    expect(catalogue.ready('tools', { ...subscriber, principal: { key: 'bob', personal: true } })).toBeUndefined();
    const { client } = subscriber;
    expect(catalogue.ready('tools', { ...subscriber, client: { ...client, revision: '2025-06-18' } })).toBeUndefined();
    expect(reads()).toBe(1);
  });

  // Attack: a tool that its server withdrew goes on being offered.
  it('is nothing once the list is older than its server allows', async () => {
    const { catalogue, clock } = setUp({ ttlMs: 60_000 });
    await catalogue.page('tools', subscriber, undefined, INFO);
    clock.advance(59_999);
    expect(catalogue.ready('tools', subscriber)).toBeDefined();
    clock.advance(1);
    expect(catalogue.ready('tools', subscriber)).toBeUndefined();
  });

  it('is nothing for a list that was read anew and not rendered', async () => {
    const tools = [toolNamed('go')];
    const { catalogue, clock } = setUp({ ttlMs: 60_000, tools });
    const first = await catalogue.page('tools', subscriber, undefined, INFO);
    clock.advance(60_000);
    tools.push(toolNamed('stop'));
    await catalogue.list('tools', subscriber);
    expect(catalogue.ready('tools', subscriber)).toBeUndefined();
    const second = await catalogue.page('tools', subscriber, undefined, INFO);
    expect(second).not.toEqual(first);
    expect(catalogue.ready('tools', subscriber)).toBe(second);
  });

  it('is nothing where lists are read for each caller', async () => {
    const { catalogue } = setUp({ cached: false, ttlMs: 60_000 });
    await catalogue.page('tools', subscriber, undefined, INFO);
    expect(catalogue.ready('tools', subscriber)).toBeUndefined();
  });
});

describe('Catalogue.paramHeaders', () => {
  it('takes them from the list as last seen, without waiting and without reading', async () => {
    const { catalogue, reads } = setUp();
    await catalogue.list('tools', subscriber);
    expect(catalogue.paramHeaders(subscriber, 'go')).toEqual(REGION);
    expect(catalogue.paramHeaders(subscriber, 'go')).toBe(catalogue.paramHeaders(subscriber, 'go'));
    expect(catalogue.paramHeaders(subscriber, 'unknown')).toEqual([]);
    expect(reads()).toBe(1);
  });

  // Attack: the first call after a start carries headers that say something else than its body.
  it('reads the list of a modern server once when nobody has', async () => {
    const { catalogue, reads } = setUp();
    expect(await catalogue.paramHeaders(subscriber, 'go')).toEqual(REGION);
    expect(await catalogue.paramHeaders(subscriber, 'unknown')).toEqual([]);
    expect(reads()).toBe(1);
  });

  it('reads nothing from a legacy server, and nothing from one whose lists are not kept', async () => {
    for (const { catalogue, reads } of [setUp({ revision: '2025-11-25' }), setUp({ cached: false })]) {
      expect(await catalogue.paramHeaders(subscriber, 'go')).toEqual([]);
      expect(await catalogue.paramHeaders(subscriber, 'go')).toEqual([]);
      expect(reads()).toBe(0);
    }
  });

  // Attack: a server whose list never comes slows every call down.
  it('holds one call up for five seconds when the list hangs, and the next ones not at all', async () => {
    const { catalogue, clock, reads } = setUp({ isHanging: true });
    const first = catalogue.paramHeaders(subscriber, 'go');
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5_000);
    expect(await first).toEqual([]);
    expect(await catalogue.paramHeaders(subscriber, 'go')).toEqual([]);
    expect(reads()).toBe(1);
  });

  // Attack: an annotation spelled with escapes is the same key to every parser, and would be checked by none here.
  it('knows an annotation that is spelled with escapes', async () => {
    const { catalogue } = setUp({ tools: [toolNamed('go', String.raw`"\u0078-mcp-header":"Region"`)] });
    await catalogue.list('tools', subscriber);
    expect(catalogue.paramHeaders(subscriber, 'go')).toEqual(REGION);
  });

  it('leaves a tool of a modern server out whose annotation is invalid', async () => {
    const tools = [toolNamed('bad', '"x-mcp-header":"not a token"'), toolNamed('good')];
    const modern = setUp({ tools });
    expect([...(await modern.catalogue.list('tools', subscriber)).byName.keys()]).toEqual(['good']);
    const legacy = setUp({ tools, revision: '2025-11-25' });
    await legacy.catalogue.list('tools', subscriber);
    expect(legacy.catalogue.paramHeaders(subscriber, 'bad')).toEqual([]);
  });
});
