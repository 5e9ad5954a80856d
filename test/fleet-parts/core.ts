import { systemRandom } from '../../packages/breakwater/src/clock.ts';
import { Asides } from '../../packages/breakwater/src/core/asides.ts';
import { Gateway } from '../../packages/breakwater/src/core/gateway.ts';
import { Parks } from '../../packages/breakwater/src/core/parks.ts';
import type { Upstream } from '../../packages/breakwater/src/core/ports.ts';
import { freshKeyRing } from '../../packages/breakwater/src/core/seal.ts';
import { TaskBook } from '../../packages/breakwater/src/core/task-book.ts';
import { createUpstream } from '../../packages/breakwater/src/upstream/upstream.ts';
import type { NodeInit } from './nodes.ts';

/** How long a client of these tests may take to answer. */
export const ANSWER_MS = 600_000;

/** Makes nodes whose core is the real one, over one modern server. */
export function coreOver(url: string): Required<Pick<NodeInit, 'core'>> & AsyncDisposable {
  const upstreams: Upstream[] = [];
  return {
    core: (parts) => {
      const { clock, emit } = parts;
      const keys = freshKeyRing();
      const tasks = new TaskBook({ clock, keys, node: undefined, emit });
      const upstream = createUpstream(
        {
          name: 'it',
          kind: 'http',
          era: 'modern',
          url,
          transport: 'streamable-http',
          headers: {},
          isolation: 'auto',
          limits: { handles: 8, acquireTimeoutMs: 10_000, startTimeoutMs: 10_000 },
          probeTimeoutMs: 1_000,
          idleMs: 300_000,
          restart: { minDelayMs: 50, maxDelayMs: 100 },
          maxMessageBytes: 1_048_576,
        },
        { clock, random: systemRandom, emit, log: () => undefined, version: '0.0.0' },
      );
      upstreams.push(upstream);
      const member = {
        upstream,
        prefix: '',
        cached: true,
        ttlMs: 60_000,
        crossTasks: false,
        disabledTools: new Set<string>(),
        acquireTimeoutMs: 10_000,
        requestTimeoutMs: 60_000,
      };
      const limits = { perPrincipal: 8, total: 8, keepMs: 1_000, ttlMs: 1_000 };
      return new Gateway({
        ...parts,
        routes: [{ path: '/mcp', members: [member] }],
        info: Buffer.from('{"name":"test","version":"1"}'),
        parks: new Parks({ clock, keys, node: undefined, emit, random: systemRandom, limits }),
        tasks,
        asides: new Asides({ clock, tasks }),
        questions: { ttlMs: ANSWER_MS },
        viewLimit: 100,
      });
    },
    [Symbol.asyncDispose]: async () => {
      for (const upstream of upstreams) await upstream.close();
    },
  };
}
