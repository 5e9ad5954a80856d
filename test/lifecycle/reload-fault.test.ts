import { McpServer } from '@modelcontextprotocol/server';
import { expect, onTestFinished, test } from 'vitest';
import type { GatewayEvent } from '../../packages/breakwater/src/index.ts';
import { streamModern } from '../requirements/support/clients.ts';
import { startGateway } from '../requirements/support/gateway.ts';

// Attack: none is needed. Whoever watches events for us may throw while a former configuration ends; that must neither end the process (an unhandled
// rejection does) nor leave the former configuration for ever among those that are waited for.
test('a former configuration that does not end cleanly is said, and is gone all the same', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
  const { promise: release, resolve: onRelease } = Promise.withResolvers<void>();
  const config = (version: string) => ({
    upstreams: {
      slow: {
        factory: async () => {
          onAsked();
          await release;
          return new McpServer({ name: 'slow', version });
        },
      },
    },
  });
  const events: GatewayEvent[] = [];
  await using gateway = await startGateway(config('1'), {
    onEvent: (event) => {
      events.push(event);
      if (event.type === 'refusal' && event.code === 'gateway.draining') throw new Error('the watcher is broken');
    },
  });
  // Somebody wants to listen, and the server is not there yet: the end of the configuration refuses it.
  const listening = streamModern(gateway.url, 'subscriptions/listen', { notifications: { toolsListChanged: true } });
  listening.catch(() => undefined); // nobody answers it
  await asked;
  await gateway.breakwater.reload(config('2'));
  await expect
    .poll(() => events.flatMap((event) => (event.type === 'notice' ? [event.message] : [])), { timeout: 20_000 })
    .toContain('Something of the former configuration did not end cleanly.');
  onRelease();
  await gateway.close();
  expect(unhandled).toEqual([]);
});
