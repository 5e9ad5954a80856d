import { once } from 'node:events';
import { readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { describe, expect, it, vi } from 'vitest';
import { listen, SERVERS } from '../doctor/servers.ts';
import { PATIENT, runProgram } from '../e2e/support/programs.ts';
import { BIN, makeFolder, readExchanges, startRecord, startRecorder } from './support.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const CALL = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'say', arguments: { text: 'a private word' } },
};

function post(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = JSON_TYPE,
): Promise<Response> {
  return fetch(url, { method: 'POST', headers, body });
}

async function use(url: string): Promise<{ readonly tools: number; readonly sessionId: string | undefined }> {
  const client = new Client({ name: 'recorded', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(new URL(url));
  await client.connect(transport as Transport);
  const { sessionId } = transport;
  const { tools } = await client.listTools();
  await client.callTool({ name: 'echo', arguments: { text: 'a private word', message: 'a private word' } });
  await transport.terminateSession();
  await client.close();
  return { tools: tools.length, sessionId };
}

describe('a recorder', () => {
  it.each(SERVERS.filter(({ name }) => /v1, sessions|both eras/.test(name)))(
    'lets an SDK client use $name',
    async ({ start }) => {
      await using server = await start();
      await using recording = await startRecorder(server.url);
      const { tools, sessionId } = await use(recording.url);
      expect(tools).toBeGreaterThan(0);
      await vi.waitFor(() => expect(recording.exchanges.length).toBeGreaterThanOrEqual(6), PATIENT);
      const text = recording.lines.join('');
      expect(text).toContain('"method":"tools/list"');
      expect(text).toContain('"tools/call"');
      expect(text).not.toContain('a private word');
      expect(sessionId).toBeDefined();
      expect(text).not.toContain(sessionId);
      expect(new Set(recording.exchanges.map(({ client }) => client)).size).toBe(1);
    },
  );

  it('lets an event through before the stream ends, and says when it came', async () => {
    const ended = Promise.withResolvers<void>();
    await using server = await listen(async (_, response) => {
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write('id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\n\n');
      await ended.promise;
      response.end('event: note\ndata: not json, but private\n\n');
    });
    await using recording = await startRecorder(server.url);
    const answer = await fetch(recording.url, { headers: { accept: 'text/event-stream' } });
    const reader = answer.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('notifications/x');
    expect(recording.exchanges).toEqual([]);
    ended.resolve();
    while ((await reader?.read())?.done !== true);
    await vi.waitFor(() => expect(recording.exchanges).toHaveLength(1), PATIENT);
    expect(recording.exchanges).toMatchObject([
      {
        end: 'complete',
        response: {
          body: {
            kind: 'events',
            lost: 0,
            events: [
              {
                event: 'message',
                json: { jsonrpc: '2.0', method: 'notifications/x' },
                id: expect.stringMatching(/^‹event /),
              },
              { event: 'note', text: '‹string 21›' },
            ],
          },
        },
      },
    ]);
  });

  // Attack: who asks for much and reads nothing fills the memory of whoever stands between.
  it('stops reading when nobody reads', async () => {
    let sent = 0;
    const chunk = Buffer.alloc(1_048_576, 'x');
    await using server = await listen(async (_, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      while (sent < 512 && !response.destroyed) {
        sent += 1;
        if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      }
      response.end();
    });
    await using recording = await startRecorder(server.url);
    const { port, pathname } = new URL(recording.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.pause();
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    let before = -1;
    await vi.waitFor(
      () => {
        const still = sent > 0 && sent === before;
        before = sent;
        expect(still).toBe(true);
      },
      { timeout: 30_000, interval: 500 },
    );
    expect(sent).toBeLessThan(64);
    socket.destroy();
    await vi.waitFor(() => expect(recording.exchanges).toMatchObject([{ end: 'client-left' }]), PATIENT);
  });

  // Attack: a body as large as memory.
  it('passes huge bodies whole and records only how large they were', async () => {
    await using server = await listen((incoming, response) => {
      response.writeHead(200, JSON_TYPE);
      incoming.pipe(response);
    });
    await using recording = await startRecorder(server.url);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, result: 'x'.repeat(5_000_000) });
    expect(await (await post(recording.url, body)).text()).toBe(body);
    const hidden = { kind: 'hidden', bytes: body.length, why: 'too-large' };
    await vi.waitFor(
      () => expect(recording.exchanges).toMatchObject([{ request: { body: hidden }, response: { body: hidden } }]),
      PATIENT,
    );
  });

  it.each([
    ['binary', Buffer.from([0, 255, 254, 10, 13]), { 'content-type': 'application/octet-stream' }, 'not-json'],
    ['an image that is JSON', Buffer.from('{"a":"private"}'), { 'content-type': 'image/png' }, 'not-json'],
    ['text', Buffer.from('my private word\n{"v":1}'), { 'content-type': 'text/plain' }, 'not-json'],
    ['what is compressed', gzipSync('{"a":1}'), { ...JSON_TYPE, 'content-encoding': 'gzip' }, 'encoded'],
  ])('passes %s and records none of it', async (_, bytes, headers, why) => {
    let received: Buffer | undefined;
    await using server = await listen(async (incoming, response) => {
      received = Buffer.concat(await incoming.toArray());
      response.writeHead(200, headers).end(received);
    });
    await using recording = await startRecorder(server.url);
    await (await post(recording.url, new Uint8Array(bytes), headers)).arrayBuffer();
    expect(received).toEqual(bytes);
    const body = { kind: 'hidden', bytes: bytes.length, why };
    await vi.waitFor(
      () => expect(recording.exchanges).toMatchObject([{ request: { body }, response: { body } }]),
      PATIENT,
    );
    expect(recording.lines.join('')).not.toContain('private');
  });

  // Attack: credentials where nobody looks for them.
  it('records no credential, wherever it stands', async () => {
    const secret = 'sk-live-9f8e7d6c5b4a39281706';
    await using server = await listen((_, response) => {
      response.writeHead(
        401,
        [
          ['www-authenticate', `Bearer error="${secret}"`],
          ['set-cookie', `s=${secret}`],
          ['x-odd', secret],
          ['location', `/next?token=${secret}`],
          ['content-type', `application/json; k=${secret}`],
        ].flat(),
      );
      response.end(
        JSON.stringify({
          jsonrpc: '2.0',
          id: secret,
          error: { code: -32001, message: secret, data: { [secret]: secret } },
        }),
      );
    });
    for (const keepValues of [false, true]) {
      await using recording = await startRecorder(server.url, keepValues);
      const url = `${recording.url}/${secret}/x?access_token=${secret}&${secret}=1&session_id=${secret}`;
      const body = JSON.stringify({
        ...CALL,
        id: secret,
        method: secret,
        params: {
          name: secret,
          cursor: secret,
          arguments: { note: `Bearer ${secret}`, password: secret, [secret]: `https://u:${secret}@h/` },
        },
      });
      await (
        await post(url, body, {
          ...JSON_TYPE,
          authorization: `Bearer ${secret}`,
          cookie: secret,
          'x-unheard-of': secret,
          'mcp-session-id': secret,
          'user-agent': `me ${secret}`,
          [secret]: secret,
        })
      ).text();
      await vi.waitFor(() => expect(recording.lines).toHaveLength(1), PATIENT);
      expect(recording.lines.join('')).not.toContain(secret);
      expect(recording.lines.join('')).not.toContain('9f8e7d6c');
    }
  });

  // Attack: line breaks, escape sequences and bidirectional marks that add records or change what a terminal shows.
  it('writes one line of plain characters, whatever it is told', async () => {
    const evil = 'x\n{"v":1}\r\n\u2028\u2029\u001b[2J\u202e\u0085\u0000';
    await using server = await listen((_, response) =>
      response.writeHead(200, JSON_TYPE).end(JSON.stringify({ jsonrpc: '2.0', result: { text: evil, [evil]: 1 } })),
    );
    await using recording = await startRecorder(server.url, true);
    await (
      await post(
        `${recording.url}/%0a%1b[2J?a=%0a%0d&%0a=1`,
        JSON.stringify({ ...CALL, method: evil, params: { arguments: { [evil]: evil } } }),
      )
    ).text();
    await vi.waitFor(() => expect(recording.lines).toHaveLength(1), PATIENT);
    expect(recording.lines[0]).toMatch(/^[\x20-\x7e‹›]+\n$/);
  });

  // Attack: a web page whose name resolves to this machine reaches the server behind, which sees its own Host (DNS rebinding).
  it('refuses a foreign Host', async () => {
    let reached = 0;
    await using server = await listen((_, response) => {
      reached += 1;
      response.end();
    });
    await using recording = await startRecorder(server.url);
    const { port, pathname } = new URL(recording.url);
    const answer = await new Promise<number | undefined>((resolve) => {
      request({ host: '127.0.0.1', port, path: pathname, headers: { host: 'evil.example' } }, ({ statusCode }) =>
        resolve(statusCode),
      ).end();
    });
    expect(answer).toBe(403);
    expect(reached).toBe(0);
  });

  // Attack: an absolute request target makes an open proxy of whoever follows it.
  it.each(['http://127.0.0.1:1/secret', '//127.0.0.1:1/secret', '*'])('goes nowhere else for %s', async (path) => {
    await using server = await listen((_, response) => response.end());
    await using recording = await startRecorder(server.url);
    const { port } = new URL(recording.url);
    const answer = await new Promise<number | undefined>((resolve) => {
      request({ host: '127.0.0.1', port, method: 'OPTIONS', path, headers: { host: 'localhost' } }, ({ statusCode }) =>
        resolve(statusCode),
      ).end();
    });
    expect(answer).toBe(400);
  });

  it('says 502 in JSON, and records it, when there is no server', async () => {
    await using recording = await startRecorder('http://127.0.0.1:1/mcp');
    const answer = await post(recording.url, JSON.stringify(CALL));
    expect([answer.status, await answer.json()]).toMatchObject([502, { error: { code: 'no-answer' } }]);
    expect(recording.exchanges).toMatchObject([{ end: 'no-answer' }]);
  });

  it('passes on that the server cut its answer', async () => {
    await using server = await listen((_, response) => {
      response.writeHead(200, { ...JSON_TYPE, 'content-length': '100' }).write('{"half":');
      setImmediate(() => response.destroy());
    });
    await using recording = await startRecorder(server.url);
    await expect(post(recording.url, '{}').then((answer) => answer.text())).rejects.toThrow();
    await vi.waitFor(() => expect(recording.exchanges).toMatchObject([{ end: 'server-left' }]), PATIENT);
  });
});

describe('breakwater record', () => {
  it('writes a file that its owner alone reads, and ends whole at SIGINT', async () => {
    await using folder = await makeFolder();
    await using server = await listen((incoming, response) => {
      if (incoming.method === 'GET')
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n');
      else response.writeHead(200, JSON_TYPE).end('{"jsonrpc":"2.0","id":1,"result":{}}');
    });
    const out = folder.at('out.ndjson');
    await using record = await startRecord([server.url, '--out', out]);
    await (await post(record.url, JSON.stringify(CALL))).text();
    const open = await fetch(record.url);
    record.child.kill('SIGINT');
    expect(await record.ended).toBe(0);
    await open.body?.cancel().catch(() => undefined); // It was cut when the recorder ended.
    expect(
      readExchanges(out)
        .map(({ end }) => end)
        .sort(),
    ).toEqual(['complete', 'recorder-stopped']);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect(record.stdout()).toContain('2 exchanges recorded.');
  });

  it('lets traffic pass when the file is full, and never grows beyond', async () => {
    await using folder = await makeFolder();
    await using server = await listen((_, response) =>
      response.writeHead(200, JSON_TYPE).end('{"jsonrpc":"2.0","id":1,"result":{}}'),
    );
    const out = folder.at('out.ndjson');
    await using record = await startRecord([server.url, '--out', out, '--max-bytes', '2k']);
    for (let count = 0; count < 10; count += 1) expect((await post(record.url, JSON.stringify(CALL))).status).toBe(200);
    await record.until(/has reached --max-bytes/);
    await record.stop();
    expect((await stat(out)).size).toBeLessThanOrEqual(2_048);
    expect(readExchanges(out).length).toBeGreaterThan(0);
  });

  // Attack: a name that leads into somebody else's file.
  it('writes over nothing, follows no link, and takes no device', async () => {
    await using folder = await makeFolder();
    const victim = folder.at('victim');
    await writeFile(victim, 'precious');
    await symlink(victim, folder.at('link'));
    await symlink(folder.at('not-yet'), folder.at('dangling'));
    const record = (...args: string[]) =>
      runProgram(process.execPath, [
        BIN,
        'record',
        'http://127.0.0.1:1/mcp',
        '--listen',
        '127.0.0.1:0',
        '--out',
        ...args,
      ]);
    const refused = [
      [victim],
      [folder.at('link'), '--force'],
      [folder.at('dangling')],
      [folder.at('dangling'), '--force'],
      ['/dev/null', '--force'],
      [folder.at('no/such/folder/x')],
    ];
    for (const args of refused) {
      const { code, stderr } = await record(...args);
      expect([args, code]).toEqual([args, 2]);
      expect(stderr).toMatch(/exists already; --force|is a link|cannot be written/);
    }
    expect(await readFile(victim, 'utf8')).toBe('precious');
    await expect(stat(folder.at('not-yet'))).rejects.toThrow();
    await using forced = await startRecord(['http://127.0.0.1:1/mcp', '--out', victim, '--force']);
    await forced.stop();
    expect(await readFile(victim, 'utf8')).toBe('');
  });

  it.each([
    [[], 'no server is named'],
    [['ftp://x/'], 'is no http or https URL'],
    [['http://u:p@x/'], 'holds credentials'],
    [['http://x/', 'http://y/'], 'is too many'],
    [['http://x/', '--listen', 'nowhere'], '--listen is no host:port'],
    [['http://x/', '--max-bytes', 'much'], '--max-bytes is no size'],
    [['http://x/', '--keep-value'], 'unknown flag "--keep-value"'],
  ])('exits 2 with a sentence for %j', async (args, sentence) => {
    const { code, stderr } = await runProgram(process.execPath, [BIN, 'record', ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
  });
});
