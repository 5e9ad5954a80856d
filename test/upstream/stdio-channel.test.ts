import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import type { ChannelEnd, OversizeMessage } from '../../packages/breakwater/src/upstream/channel.ts';
import { StdioChannel, type StdioChannelOptions } from '../../packages/breakwater/src/upstream/stdio-channel.ts';
import { childPids, isAlive, scripted } from './harness.ts';

afterEach(() => expect(childPids()).toEqual([]));

/** A channel with everything it delivered; `next` waits for a message. */
function open(options: Partial<StdioChannelOptions>) {
  const stderr: string[] = [];
  const messages: string[] = [];
  const oversize: OversizeMessage[] = [];
  const listening = new Set<() => void>();
  const waiting: ((message: string) => void)[] = [];
  const ended = Promise.withResolvers<{ reason: ChannelEnd; detail: string }>();
  const channel = new StdioChannel({
    command: process.execPath,
    args: [],
    env: {},
    maxMessageBytes: 1_000_000,
    clock: systemClock,
    onStderr: (line) => {
      stderr.push(line);
      for (const check of [...listening]) check();
    },
    ...options,
  });
  channel.listen({
    message: (bytes) => {
      const message = bytes.toString();
      messages.push(message);
      waiting.shift()?.(message);
    },
    oversize: (message) => void oversize.push(message),
    end: (reason, detail) => ended.resolve({ reason, detail }),
  });
  const next = (): Promise<string> => new Promise((resolve) => waiting.push(resolve));
  /** Resolves with the number in the first stderr line that has `word` before it. */
  const said = (word: string): Promise<number> =>
    new Promise((resolve) => {
      const check = (): void => {
        const line = stderr.find((candidate) => candidate.startsWith(`${word} `));
        if (line === undefined) return;
        listening.delete(check);
        resolve(Number(line.split(' ')[1]));
      };
      listening.add(check);
      check();
    });
  return { channel, stderr, messages, oversize, next, said, ended: ended.promise };
}

/** A child that answers each line with how it saw it. */
const ECHO = [
  '-e',
  "require('readline').createInterface({input:process.stdin}).on('line',l=>console.log(JSON.stringify({line:l})))",
];

test('a message arrives on one line, whatever white space its client wrote into it', async () => {
  // Attack: params with raw newlines between JSON tokens, so that a part of them reaches the server as a message of the caller's own making.
  const { channel, messages, next } = open({ args: ECHO });
  const answered = next();
  const evil =
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":[\r\n{"jsonrpc":"2.0","id":2,"method":"evil"}\n]}}';
  expect(channel.send(Buffer.from(evil))).toBe(true);
  const seen = JSON.parse(await answered) as { line: string };
  expect(JSON.parse(seen.line)).toEqual(JSON.parse(evil));
  await channel.close();
  expect(messages).toHaveLength(1);
});

test('a line over the limit is dropped and reported, and the next one is read', async () => {
  const script =
    'console.log(\'{"id":7,"x":"\'+\'x\'.repeat(5000)+\'"}\');console.log(\'{"ok":1}\');process.stdin.resume()';
  const { channel, oversize, next } = open({ args: ['-e', script], maxMessageBytes: 1_000 });
  expect(await next()).toBe('{"ok":1}');
  expect(oversize[0]?.bytes).toBe(5_015);
  expect(oversize[0]?.head.toString()).toMatch(/^\{"id":7/);
  await channel.close();
});

test('a child that ends is reported with its exit code and last words, after its last message', async () => {
  const { channel, messages, ended } = open({
    args: ['-e', "console.error('bad config');console.log('{}');process.exitCode=4"],
  });
  expect(await ended).toEqual({ reason: 'lost', detail: 'exited with code 4; stderr: bad config' });
  expect(messages).toEqual(['{}']);
  expect(channel.send(Buffer.from('{}'))).toBe(false);
  await channel.close();
});

test('a child killed by a signal is reported as such', async () => {
  const { channel, ended } = open({ args: ECHO });
  process.kill(channel.pid ?? 0, 'SIGKILL');
  expect(await ended).toMatchObject({ reason: 'lost', detail: 'killed by SIGKILL' });
});

test('a program that cannot be started ends as failed', async () => {
  const { channel, ended } = open({ command: '/no/such/program' });
  expect(await ended).toMatchObject({ reason: 'failed', detail: expect.stringContaining('ENOENT') });
  await channel.close();
});

test('a child that closes its stdout and lives on is ended', async () => {
  const { ended } = open({ args: ['-e', "require('fs').closeSync(1);setInterval(()=>{},60000)"], graceMs: 50 });
  expect((await ended).reason).toBe('lost');
});

test('a child that ends with its stdin gets no signal', async () => {
  const { channel, stderr, next } = open({
    args: [
      '-e',
      "process.on('SIGTERM',()=>console.error('SIGTERM'));process.stdin.on('end',()=>console.error('end')).resume();console.log('{}')",
    ],
  });
  await next();
  await channel.close();
  expect(stderr).toEqual(['end']);
});

test('a child that ignores the end of its stdin gets SIGTERM, and one that ignores that too SIGKILL', async () => {
  const polite = open({ ...scripted('needs-sigterm'), graceMs: 50 });
  const deaf = open({ ...scripted('deaf'), graceMs: 50 });
  await Promise.all(
    [polite, deaf].map(({ channel, next }) => {
      channel.send(
        Buffer.from('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'),
      );
      return next();
    }),
  );
  await Promise.all([polite.channel.close(), deaf.channel.close()]);
  expect((await polite.ended).detail).toMatch(/^killed by SIGTERM/);
  expect((await deaf.ended).detail).toMatch(/^killed by SIGKILL.*ignored SIGTERM/s);
});

test('closing twice, and closing what has ended, is harmless', async () => {
  const { channel, ended } = open({ args: ECHO });
  await Promise.all([channel.close(), channel.close()]);
  expect((await ended).reason).toBe('closed');
  await channel.close();
});

test('a server behind a shell dies with it', async () => {
  // `sh -c` that does not exec: the server is a grandchild, and a signal to the child alone would orphan it.
  const [file = '', ...args] = scripted('deaf').args;
  const command = `"${process.execPath}" "${file}" ${args.join(' ')}; true`;
  const { channel, next, said } = open({ command: 'sh', args: ['-c', command], graceMs: 50 });
  channel.send(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'));
  await next();
  const pid = await said('pid');
  expect(pid).not.toBe(channel.pid);
  await channel.close();
  expect(isAlive(pid)).toBe(false);
});

test('a helper of a crashed server dies with it, although it holds no pipe', async () => {
  const { channel, next, said, ended } = open({ ...scripted('grandchild'), graceMs: 50 });
  channel.send(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'));
  await next();
  const helper = await said('helper');
  expect(isAlive(helper)).toBe(true);
  channel.send(Buffer.from('{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"crash"}}'));
  expect(await ended).toMatchObject({ reason: 'lost', detail: expect.stringContaining('exited with code 3') });
  expect(isAlive(helper)).toBe(false);
});

test('children die with the gateway, even when it exits without closing anything', async () => {
  const module = fileURLToPath(new URL('../../packages/breakwater/src/upstream/stdio-channel.ts', import.meta.url));
  const clock = fileURLToPath(new URL('../../packages/breakwater/src/clock.ts', import.meta.url));
  const deaf = scripted('deaf');
  const program = `
    import { StdioChannel } from ${JSON.stringify(module)};
    import { systemClock } from ${JSON.stringify(clock)};
    const channel = new StdioChannel({ command: process.execPath, args: ${JSON.stringify(deaf.args)}, env: {}, maxMessageBytes: 1e6,
      clock: systemClock, onStderr: (line) => { if (line.startsWith('pid')) { console.log(line); process.exit(0); } } });
    channel.listen({ message() {}, oversize() {}, end() {} });`;
  const gateway = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  gateway.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  const [code] = await once(gateway, 'close');
  expect(code).toBe(0);
  const pid = Number(/pid (\d+)/.exec(output)?.[1]);
  expect(pid).toBeGreaterThan(0);
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test('the child gets a small part of our environment and what was configured', async () => {
  // Attack: a server that reads the gateway's own secrets out of its environment.
  process.env['BREAKWATER_TEST_SECRET'] = 'do not pass on';
  const { channel, next } = open({
    args: ['-e', 'console.log(JSON.stringify(process.env));process.stdin.resume()'],
    env: { GIVEN: '1' },
  });
  const environment = JSON.parse(await next()) as Record<string, string>;
  delete process.env['BREAKWATER_TEST_SECRET'];
  expect(environment).toMatchObject({ GIVEN: '1', PATH: process.env['PATH'] });
  expect(environment).not.toHaveProperty('BREAKWATER_TEST_SECRET');
  await channel.close();
});

test('what waits for a child that does not read is bounded', async () => {
  // Attack: a stuck server and clients that go on sending must not fill our memory.
  const { channel } = open({ args: ['-e', 'setInterval(()=>{},60000)'], maxQueueBytes: 1_000_000, graceMs: 50 });
  const message = Buffer.alloc(300_000, 0x20);
  const taken = Array.from({ length: 20 }, () => channel.send(message)).filter(Boolean).length;
  expect(taken).toBeGreaterThan(2);
  expect(taken).toBeLessThan(8);
  await channel.close();
});

test('a flood on stderr is cut in length and rate, and the number of dropped lines is told', async () => {
  const { channel, stderr, next } = open(scripted('flood'));
  channel.send(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'));
  await next();
  await channel.close();
  expect(stderr.length).toBeLessThan(2_000);
  expect(Math.max(...stderr.map((line) => line.length))).toBeLessThan(1_100);
  expect(stderr.join('\n')).toMatch(/\(\d+ lines dropped\)/);
});
