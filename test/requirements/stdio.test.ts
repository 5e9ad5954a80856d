import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { callModern, modernMessage, openSession, streamModern, toolText } from './support/clients.ts';
import { type RunningGateway, startGateway, stillOpen } from './support/gateway.ts';
import { at } from './support/json.ts';
import { ACCEPT_BOTH, open, post } from './support/wire.ts';
import { verifies } from './verifies.ts';

const SCRIPT = fileURLToPath(new URL('support/stdio-server.ts', import.meta.url));

interface Noted {
  readonly start?: number;
  readonly line?: string;
  readonly end?: number;
  readonly signal?: string;
}

describe('stdio servers', () => {
  let folder: string;
  let files = 0;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'breakwater-stdio-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A gateway before one stdio server, and what that server noted. */
  const start = async (
    mode: readonly string[],
    more: object = {},
  ): Promise<[RunningGateway, () => Noted[], () => unknown[]]> => {
    files += 1;
    const log = join(folder, `${files}.log`);
    const gateway = await startGateway({
      upstreams: {
        one: { command: process.execPath, args: [SCRIPT, log, ...mode], restart: { minDelay: '1ms' }, ...more },
      },
    });
    const noted = (): Noted[] =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Noted);
    const messages = (): unknown[] =>
      noted().flatMap(({ line }) => (line === undefined ? [] : [JSON.parse(Buffer.from(line, 'base64').toString())]));
    return [gateway, noted, messages];
  };
  const methods = (messages: readonly unknown[]): unknown[] => messages.map((message) => at(message, 'method'));

  verifies(
    ['stdio.newline', 'stdio.only-messages', 'stdio.utf8', 'stdio.stderr', 'batch.never-sent', 'rpc.utf8'],
    'get one message a line, whatever the client wrote',
    async () => {
      const [gateway, noted, messages] = await start(['legacy']);
      await using _gateway = gateway;
      const session = await openSession(gateway.url, { revision: '2025-03-26' });
      // Attack: a newline between JSON tokens would begin a message of the client's own making.
      const smuggled = '\r\n{"jsonrpc":"2.0","id":666,"method":"tools/call"}';
      const text = `a\nb\u2028c 世界 ${smuggled}`;
      const body = `{"jsonrpc":"2.0","id":1,\n"method":"tools/call",\r\n"params":{\n"name":"echo",\n"arguments":{"text":${JSON.stringify(text)}\n}}}`;
      const answer = await post(gateway.url, body, session.headers);
      expect(JSON.parse(toolText(answer.messages()[0]))).toEqual({ text });
      const loud = await session.request('tools/call', { name: 'stderr' });
      expect(loud.messages().map(toolText)).toEqual(['fine']);
      await post(gateway.url, `[${body},${body.replace('"id":1', '"id":2')}]`, session.headers);
      await gateway.close();
      for (const message of messages()) expect(message).toMatchObject({ jsonrpc: '2.0', method: expect.any(String) });
      for (const { line } of noted())
        if (line !== undefined) expect(Buffer.from(line, 'base64').toString('utf8')).not.toContain('\n');
      expect(methods(messages()).filter((method) => method === 'tools/call')).toHaveLength(4);
      expect(noted().find(({ end }) => end !== undefined)).toEqual({ end: 0 });
    },
  );

  verifies(['stdio.stdin-closed', 'gateway.owner.close'], 'are ended by the end of their stdin', async () => {
    const [gateway, noted] = await start(['legacy']);
    const session = await openSession(gateway.url);
    const pid = Number(toolText((await session.request('tools/call', { name: 'pid' })).messages()[0]));
    await gateway.close();
    expect(noted().some(({ end }) => end !== undefined)).toBe(true);
    expect(noted().some(({ signal }) => signal !== undefined)).toBe(false);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(stillOpen(gateway)).toEqual([]);
  });

  verifies(
    ['stdio.terminated', 'stdio.fallback-silence', 'stdio.probe'],
    'that are silent are legacy, and that stay are terminated',
    async () => {
      const [gateway, noted, messages] = await start(['silent']);
      const session = await openSession(gateway.url);
      expect((await session.request('tools/call', { name: 'echo' })).status).toBe(200);
      expect(methods(messages())[0]).toBe('server/discover');
      expect(methods(messages())).toContain('initialize');
      await gateway.close();
      expect(noted().map(({ signal }) => signal)).toContain('SIGTERM');
    },
  );

  verifies(
    ['stdio.fallback-any-error', 'stdio.probe'],
    'that refuse the probe are legacy, whatever the code',
    async () => {
      for (const code of ['-32601', '-32602', '-32000', '-32600', '-32700', '1', '-32002']) {
        const [gateway, , messages] = await start(['refusing', code]);
        await using _gateway = gateway;
        const session = await openSession(gateway.url);
        expect(
          (await session.request('tools/call', { name: 'echo', arguments: { code } })).messages().map(toolText),
        ).toEqual([`{"code":"${code}"}`]);
        expect(methods(messages()).slice(0, 3)).toEqual(['server/discover', 'initialize', 'notifications/initialized']);
      }
    },
  );

  verifies(['stdio.cancelled', 'cancel.upstream.own-ids'], 'are told of a cancelled call by its own id', async () => {
    const [gateway, , messages] = await start(['modern']);
    await using _gateway = gateway;
    const { body, headers } = modernMessage('tools/call', { name: 'hang' });
    const dropped = open(
      'POST',
      gateway.url,
      { 'content-type': 'application/json', accept: ACCEPT_BOTH, ...headers },
      body,
    );
    await expect.poll(() => methods(messages())).toContain('tools/call');
    dropped.sent.destroy();
    await expect.poll(() => methods(messages())).toContain('notifications/cancelled');
    const calls = messages().filter((message) => at(message, 'method') === 'tools/call');
    const cancelled = messages().filter((message) => at(message, 'method') === 'notifications/cancelled');
    expect(cancelled).toHaveLength(1);
    expect(at(cancelled[0], 'params', 'requestId')).toEqual(at(calls[0], 'id'));
  });

  verifies(
    ['stdio.restart', 'stdio.resubscribe', 'stdio.correlate', 'gateway.always-answered', 'gateway.no-double-execution'],
    'that crash are started again, with their subscriptions',
    async () => {
      const [gateway, noted, messages] = await start(['modern']);
      await using _gateway = gateway;
      const filter = { toolsListChanged: true, promptsListChanged: true };
      const listening = await streamModern(gateway.url, 'subscriptions/listen', { notifications: filter });
      expect(await listening.reader.message()).toMatchObject({ method: 'notifications/subscriptions/acknowledged' });
      await callModern(gateway.url, 'tools/call', { name: 'change' });
      expect(at(await listening.reader.message(), 'method')).toBe('notifications/tools/list_changed');
      const crashed = await callModern(gateway.url, 'tools/call', { name: 'crash' });
      expect(crashed.json()).toMatchObject({ id: 1, error: { code: -32603 } });
      expect(methods(messages()).filter((method) => method === 'tools/call')).toHaveLength(2);
      const isListening = (): number =>
        methods(messages()).filter((method) => method === 'subscriptions/listen').length;
      await expect.poll(isListening, { timeout: 10_000 }).toBe(2);
      expect(noted().filter((entry) => entry.start !== undefined)).toHaveLength(2);
      // A change may have been missed while nobody listened: the client is told in any case.
      expect(at(await listening.reader.message(), 'method')).toBe('notifications/tools/list_changed');
      expect((await callModern(gateway.url, 'tools/call', { name: 'echo' })).status).toBe(200);
      listening.close();
    },
  );

  verifies(['gateway.always-answered'], 'may write rubbish without harm', async () => {
    for (const era of ['legacy', 'modern']) {
      const [gateway] = await start([era]);
      await using _gateway = gateway;
      const session = await openSession(gateway.url);
      const answer = await session.request('tools/call', { name: 'rubbish' });
      expect(answer.messages().map(toolText)).toEqual(['after all']);
    }
  });
});
