/** A program without any MCP library gets from an address to a result, questions included, whatever server is behind. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runAgent } from '../../examples/rest/agent.ts';
import { REPOSITORY } from '../e2e/support/programs.ts';
import { launchFixture } from '../fixtures/launch.ts';
import { startGateway, stillOpen } from '../requirements/support/gateway.ts';
import { startDemo } from './support.ts';

test('a modern server in process', async () => {
  await using gateway = await startDemo();
  const steps: string[] = [];
  const result = await runAgent(
    `${gateway.base}/api`,
    'ask',
    { question: 'Who goes there?' },
    ({ answer }) => {
      expect(answer).toMatchObject({ method: 'elicitation/create', params: { message: 'Who goes there?' } });
      return { answer: { action: 'accept', content: { name: 'Ada', colour: 'blue' } } };
    },
    (step) => steps.push(step),
  );
  expect(result).toMatchObject({ content: [{ type: 'text', text: 'Hello Ada, lover of blue.' }], isError: false });
  expect(steps).toEqual(['index of Breakwater demo', 'call ask', 'asked elicitation/create']);
});

test('a legacy program on a pipe: its call stays open while the caller is away', async () => {
  const script = join(REPOSITORY, 'test/fixtures/legacy-asker.ts');
  const gateway = await startGateway({
    upstreams: { old: { command: process.execPath, args: [script] } },
    routes: [{ path: '/mcp' }],
  });
  try {
    const start = `${gateway.base}/api`;
    const named = await runAgent(start, 'ask', {}, (questions) =>
      Object.fromEntries(Object.keys(questions).map((key) => [key, { action: 'accept', content: { name: 'Grace' } }])),
    );
    expect(named).toMatchObject({ content: [{ text: 'Grace' }], isError: false });

    const declined = await runAgent(start, 'ask', {}, (questions) =>
      Object.fromEntries(Object.keys(questions).map((key) => [key, { action: 'decline' }])),
    );
    expect(declined).toMatchObject({ content: [{ text: 'decline' }] });

    const sampled = await runAgent(start, 'sample', { prompt: 'Hi' }, (questions) => {
      expect(Object.values(questions)).toMatchObject([{ method: 'sampling/createMessage' }]);
      const message = { role: 'assistant', model: 'mine', content: { type: 'text', text: 'Hello to you' } };
      return Object.fromEntries(Object.keys(questions).map((key) => [key, message]));
    });
    expect(sampled).toMatchObject({ content: [{ text: 'Hello to you' }] });
  } finally {
    await gateway.close();
  }
  expect(stillOpen(gateway)).toEqual([]);
});

test('a modern server over HTTP', async () => {
  await using server = await launchFixture('apps/demo-server/http.ts', ['--era', 'modern']);
  await using gateway = await startGateway({ upstreams: { far: { url: server.url } }, routes: [{ path: '/mcp' }] });
  const result = await runAgent(`${gateway.base}/api`, 'ask', {}, () => ({ answer: { action: 'cancel' } }));
  expect(result).toMatchObject({ content: [{ text: 'You chose to cancel.' }] });
});
