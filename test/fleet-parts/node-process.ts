// One node of a fleet as a process of its own. Orders come as JSON lines on stdin and are answered, by their number, on stdout.

import { createInterface } from 'node:readline';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { isGatewayError } from '../../packages/breakwater/src/core/errors.ts';
import { openStore } from '../../packages/breakwater/src/store/open-store.ts';
import { callOnce, startNode, toolsUpstream } from './support.ts';

const [url = '', effects = ''] = process.argv.slice(2);
const store = await openStore({ url }, { clock: systemClock, jitter: Math.random });
const node = await startNode(store, { upstream: toolsUpstream(effects) });

process.stdout.write(`${JSON.stringify({ ready: node.fleet.tags.node })}\n`);
createInterface({ input: process.stdin }).on('line', async (line) => {
  const { order, name, args } = JSON.parse(line) as { order: number; name: string; args: object };
  const text = await callOnce(node, name, args).catch((error: unknown) =>
    isGatewayError(error) ? error.code : String(error),
  );
  process.stdout.write(`${JSON.stringify({ order, text })}\n`);
});
process.stdin.on('end', () => process.exit(0));
