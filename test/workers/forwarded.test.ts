import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../e2e/support/programs.ts';
import { textAt } from '../requirements/support/json.ts';
import { type Headers, send } from '../requirements/support/wire.ts';
import { ALONE, startWorkers } from './support.ts';

const TEST_MS = 120_000;
const SERVER = join(REPOSITORY, 'test/gateway/support/pid-server.ts');
const UPSTREAMS = { one: { command: process.execPath, args: [SERVER] } };

/** Asks over connections of their own, so that each worker answers some; all answers that differ. */
async function askAll(url: string, headers: Headers = {}): Promise<string[]> {
  const kinds = new Set<string>();
  for (let at = 0; at < 8; at++) {
    const answer = await send('GET', url, { ...ALONE, ...headers });
    expect(answer.status).toBe(404);
    kinds.add(textAt(answer.json(), 'type'));
  }
  return [...kinds];
}

test('what a node says of addresses is the same where another node passed the request on', {
  timeout: TEST_MS,
}, async () => {
  await using workers = await startWorkers({ upstreams: UPSTREAMS, trustedProxies: ['127.0.0.1'] });
  const started = await send(
    'POST',
    `${workers.origin}/api/tools/pid`,
    {
      ...ALONE,
      'content-type': 'application/json',
      prefer: 'respond-async',
    },
    '{}',
  );
  expect(started.status).toBe(202);
  const [node] = textAt(started.json(), 'id').split('.');
  const url = `${workers.origin}/api/calls/${node}.call_nosuch`;
  // The node that has the call and the one that passes on say the same, of plain HTTP as of what a proxy says.
  const [plain, ...others] = await askAll(url);
  expect(others).toEqual([]);
  expect(plain).toMatch(new RegExp(`^${workers.origin}/`));
  const proxied = {
    'x-forwarded-for': '192.0.2.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'localhost:4444',
  };
  const [behind, ...rest] = await askAll(url, proxied);
  expect(rest).toEqual([]);
  expect(behind).toMatch(/^https:\/\/localhost:4444\//);
});
