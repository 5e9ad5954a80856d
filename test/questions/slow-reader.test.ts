/** A modern client comes back with its answer to an old server, and then does not read what the server says. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { effectsFile } from '../fleet-parts/support.ts';
import { META, modernMessage } from '../requirements/support/clients.ts';
import { EventReader } from '../requirements/support/events.ts';
import { startGateway } from '../requirements/support/gateway.ts';
import { at } from '../requirements/support/json.ts';
import { open, post } from '../requirements/support/wire.ts';

const SERVER = join(import.meta.dirname, '../fleet-parts/tools-server.ts');
const COUNT = 4_000;
const BYTES = 8_000;

test('the server waits for it, and everything arrives in the end', { timeout: 90_000 }, async () => {
  await using file = await effectsFile();
  await using gateway = await startGateway({
    upstreams: { tools: { command: process.execPath, args: [SERVER], env: { EFFECTS: file.path } } },
  });
  const params = { name: 'ask-and-flood', arguments: { count: COUNT, bytes: BYTES } };
  const meta = { [META.capabilities]: { elicitation: { form: {} } }, [META.logLevel]: 'info' };
  const first = modernMessage('tools/call', params, { meta });
  const asked = (await post(gateway.url, first.body, first.headers)).messages().at(-1);
  const [key = ''] = Object.keys(at(asked, 'result', 'inputRequests') as object);
  const inputResponses = { [key]: { action: 'accept', content: { name: 'Ann' } } };
  const requestState = at(asked, 'result', 'requestState');
  const retry = modernMessage('tools/call', { ...params, inputResponses, requestState }, { meta });
  const response = await open(
    'POST',
    gateway.url,
    { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...retry.headers },
    retry.body,
  ).response;
  response.pause();

  // The server stands still: what it has sent does not grow any more, and is a small part of the 32 MB.
  const sent = async (): Promise<number> => (await file.lines()).filter((line) => line.startsWith('sent')).length * 10;
  let [before, now] = [-2, -1];
  while (before !== now || now <= 0) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 500));
    now = await sent();
  }
  expect(now).toBeLessThan(COUNT / 2);

  const reader = new EventReader(response);
  response.resume();
  const messages = await reader.rest();
  const logs = messages.filter((message) => at(message, 'method') === 'notifications/message');
  expect(logs).toHaveLength(COUNT);
  expect(messages.at(-1)).toMatchObject({ result: { content: [{ text: 'Ann sent all' }] } });
});
