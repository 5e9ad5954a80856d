import { setTimeout as sleep } from 'node:timers/promises';
import type { McpServer, ServerContext } from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { DemoState } from './state.ts';

/** Registers `slow`, which takes its time and can be cancelled, and `stats`, which tells what became of the calls. */
export function registerSlowTools(server: McpServer, state: DemoState): void {
  const { stats } = state;

  server.registerTool(
    'slow',
    {
      title: 'Work slowly',
      description: 'Works through a number of steps, reporting progress after each. Stops as soon as it is cancelled.',
      inputSchema: z.object({
        steps: z.int().min(1).max(1000).default(5),
        delayMs: z.int().min(0).max(60_000).default(200).describe('How long each step takes'),
      }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    async ({ steps, delayMs }, ctx) => {
      stats.calls += 1;
      stats.running += 1;
      try {
        for (let step = 1; step <= steps; step += 1) {
          await sleep(delayMs, undefined, { signal: ctx.mcpReq.signal });
          await reportProgress(ctx, step, steps);
        }
      } catch (error) {
        if (ctx.mcpReq.signal.aborted) stats.cancelled += 1;
        throw error;
      } finally {
        stats.running -= 1;
      }
      return { content: [{ type: 'text', text: `done: ${steps} steps` }] };
    },
  );

  server.registerTool(
    'stats',
    {
      title: 'Count slow calls',
      description: 'Tells how many calls of the tool "slow" were made, are running and were cancelled.',
      outputSchema: z.object({ calls: z.int(), running: z.int(), cancelled: z.int() }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    () => ({ content: [{ type: 'text', text: JSON.stringify(stats) }], structuredContent: { ...stats } }),
  );
}

async function reportProgress(ctx: ServerContext, progress: number, total: number): Promise<void> {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  if (progressToken === undefined) return;
  const message = `step ${progress} of ${total}`;
  await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total, message } });
}
