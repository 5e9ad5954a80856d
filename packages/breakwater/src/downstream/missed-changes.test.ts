import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { Change } from '../core/subscription.ts';
import { memberValue, scanObject } from '../jsonrpc/raw.ts';
import { MissedChanges } from './missed-changes.ts';

/** A change as it is read from a server's notification. */
function reported(params: object): Change {
  const scanned = scanObject(Buffer.from(JSON.stringify(params)));
  if (scanned === undefined) throw new Error('no object');
  return { kind: 'updated', uri: String(memberValue(scanned, 'uri')), params: scanned };
}

// Attack: a server that describes each change at length, so that whoever remembers the name of what changed keeps all that was said.
test('of a report nothing is held but what is kept', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const missed = new MissedChanges();
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let at = 0; at < 100; at++)
    missed.keep(reported({ uri: `file:///a/name/of/some/length/${at}`, note: 'x'.repeat(1_000_000) }), () => []);
  const grown = (): number => {
    collect();
    return process.memoryUsage().heapUsed - before;
  };
  await expect.poll(grown, { timeout: 20_000 }).toBeLessThan(20_000_000);
  expect([...missed.values()]).toHaveLength(100);
});

test('what no watched resource contains is not kept beyond the bound', () => {
  const missed = new MissedChanges();
  const watched = (): readonly string[] => ['file:///a', 'file:///b/'];
  for (let at = 0; at < 1_000; at++) missed.keep(reported({ uri: `file:///a/${at}` }), watched);
  expect(missed.keep(reported({ uri: 'file:///ab' }), watched)).toBeUndefined();
  expect(missed.keep(reported({ uri: 'file:///b/c' }), watched)).toEqual({ kind: 'updated', uri: 'file:///b/' });
  expect(missed.keep(reported({ uri: 'file:///a/7', note: 'again' }), watched)?.uri).toBe('file:///a/7');
  expect(missed.keep({ kind: 'tools' }, watched)).toEqual({ kind: 'tools' });
  expect([...missed.values()]).toHaveLength(1_002);
});
