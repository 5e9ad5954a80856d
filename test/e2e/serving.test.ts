/** The installed program while it serves: every way to start it, its files while they change, and its end. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { legacyScript } from '../requirements/support/scripted-eras.ts';
import { startScripted } from '../requirements/support/scripted-upstream.ts';
import { type Installed, installTarball, type Serving } from './support/installed.ts';
import { findDescendants, findFreePort, REPOSITORY } from './support/programs.ts';
import { connectV1Http } from './support/sdk-v1-clients.ts';
import { connectV2Http } from './support/sdk-v2-clients.ts';
import type { Listener, LiveClient, TestClient } from './support/test-client.ts';

const DEMO = join(REPOSITORY, 'apps/demo-server/stdio.ts');
const MEMORY = join(REPOSITORY, 'node_modules/@modelcontextprotocol/server-memory/dist/index.js');
const PORT = ['--port', '0'];

let installed: Installed;
const opened: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  installed = await installTarball();
});

afterAll(async () => {
  await installed?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

async function serve(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Serving> {
  const program = await installed.serve([...args], env);
  opened.push({ close: program.stop });
  return program;
}

async function connect(url: string, listener: Partial<Listener> = {}): Promise<LiveClient> {
  const silent = { progress: () => undefined, toolsChanged: () => undefined };
  const client = await connectV1Http(url, { ...silent, ...listener });
  // Where the test stopped the gateway there is nobody any more with whom to end a session.
  opened.push({ close: () => client.close().catch(() => undefined) });
  return client;
}

async function listNames(client: TestClient): Promise<string[]> {
  const { tools } = await client.ask('tools/list');
  return (tools as readonly { readonly name: string }[]).map(({ name }) => name);
}

async function callText(client: TestClient, name: string, args: object): Promise<unknown> {
  const { content } = await client.ask('tools/call', { name, arguments: args });
  return (content as readonly { readonly text?: string }[])[0]?.text;
}

function isAlive(line: string): boolean {
  try {
    return process.kill(Number.parseInt(line, 10), 0);
  } catch {
    return false; // no such process
  }
}

describe('every way to start it', () => {
  test('demo: both eras, a banner with what to paste, and 0 after SIGTERM', async () => {
    const program = await serve(['demo', ...PORT]);
    expect(await callText(await connect(program.url), 'echo', { text: 'ahoy' })).toBe('ahoy');
    const modern = await connectV2Http(program.url, { pin: '2026-07-28' });
    expect(await callText(modern, 'add', { a: 1, b: 2 })).toBe('3');
    await modern.close();
    expect(program.stdout()).toContain(`claude mcp add --transport http demo ${program.url}`);
    expect(await program.stop()).toBe(0);
  });

  test.each<[what: string, command: string[]]>([
    ['a program', [process.execPath, DEMO]],
    // As npx does: what is started starts something else.
    ['a program in a shell', ['sh', '-c', `'${process.execPath}' '${DEMO}'; exit 0`]],
  ])('-- %s: it runs while it is needed and not longer', async (_what, command) => {
    const program = await serve([...PORT, '--', ...command]);
    const client = await connect(program.url);
    expect(await callText(client, 'echo', { text: 'ahoy' })).toBe('ahoy');
    const children = findDescendants(program.child.pid);
    expect(children.at(-1)).toContain('apps/demo-server/stdio.ts');
    expect(await program.stop()).toBe(0);
    expect(children.filter(isAlive)).toEqual([]);
  });

  test('--upstream url: headers are sent, with variables filled in', async () => {
    await using server = await startScripted(legacyScript());
    const program = await serve(
      ['--upstream', server.url, '-H', 'X-Team: blue', '-H', `Authorization: Bearer \${TOKEN}`, ...PORT],
      {
        TOKEN: 'hush',
      },
    );
    expect(await listNames(await connect(program.url))).toEqual(['act']);
    expect(server.calls('tools/list').at(-1)?.headers).toMatchObject({
      'x-team': 'blue',
      authorization: 'Bearer hush',
    });
    expect(program.output()).not.toContain('hush');
  });

  test('serve -c file.yaml: several servers on one path, and each on its own', async () => {
    const upstreams = {
      demo: { command: process.execPath, args: [DEMO] },
      memory: { command: process.execPath, args: [MEMORY] },
    };
    // JSON is YAML.
    const file = await installed.write('two.yaml', JSON.stringify({ upstreams }));
    const program = await serve(['serve', '-c', file, ...PORT], {
      MEMORY_FILE_PATH: join(installed.folder, 'm.jsonl'),
    });
    const both = await connect(program.url);
    expect(await listNames(both)).toEqual(expect.arrayContaining(['demo__echo', 'memory__read_graph']));
    expect(await callText(both, 'demo__echo', { text: 'ahoy' })).toBe('ahoy');
    expect(await listNames(await connect(`${program.url}/memory`))).toContain('read_graph');
  });

  test('serve -c with the "mcpServers" of a client', async () => {
    const mcpServers = { demo: { command: process.execPath, args: [DEMO], type: 'stdio' } };
    const file = await installed.write('mcp.json', JSON.stringify({ mcpServers }));
    const program = await serve(['serve', '-c', file, ...PORT]);
    expect(await callText(await connect(program.url), 'echo', { text: 'ahoy' })).toBe('ahoy');
  });

  test.each<[what: string, args: string[], text: string]>([
    ['a file with a mistake', ['serve', '-c', 'mistake.yaml'], 'mistake.yaml:1:'],
    [
      'a variable that is not set',
      ['--upstream', 'http://127.0.0.1:1/mcp', '-H', `Authorization: Bearer \${NOT_SET}`],
      'NOT_SET',
    ],
  ])('%s ends it with 1 before it listens', async (_what, args, text) => {
    await installed.write('mistake.yaml', 'upstreams: [1]\n');
    const { code, stdout, stderr } = await installed.run([...args, ...PORT]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(text);
  });

  test('a port that is taken ends it with 1 and says so', async () => {
    const port = String(await findFreePort());
    await serve(['demo', '--port', port]);
    const { code, stderr } = await installed.run(['demo', '--port', port]);
    expect(code).toBe(1);
    expect(stderr).toContain(`another program listens on 127.0.0.1:${port}; choose another port with --port`);
  });

  test('another port of it that is taken is named, and not the one for clients', async () => {
    const port = await findFreePort();
    await serve(['demo', '--port', String(port)]);
    const upstreams = { demo: { command: process.execPath, args: [DEMO] } };
    const file = await installed.write('taken.json', JSON.stringify({ upstreams, admin: { port } }));
    const { code, stderr } = await installed.run(['serve', '-c', file, ...PORT]);
    expect(code).toBe(1);
    expect(stderr).toContain(`another program listens on 127.0.0.1:${port}; choose another port in the configuration`);
  });
});

describe('its end', () => {
  test.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])(
    '%s: calls under way finish, and nobody new gets in',
    async (signal) => {
      const program = await serve([...PORT, '--', process.execPath, DEMO]);
      const under = Promise.withResolvers<void>();
      const client = await connect(program.url, { progress: () => under.resolve() });
      const params = { name: 'slow', arguments: { steps: 15, delayMs: 40 }, _meta: { progressToken: 1 } };
      const answer = client.ask('tools/call', params);
      await under.promise;
      const children = findDescendants(program.child.pid);
      program.child.kill(signal);
      await program.until(/stopping/);
      // Over a new connection nobody gets in; over one that was kept open it is said why.
      const late = await fetch(program.url, { method: 'POST' }).catch(() => undefined);
      expect(late?.status ?? 503).toBe(503);
      expect(await answer).toMatchObject({ content: [{ type: 'text', text: 'done: 15 steps' }] });
      expect(await program.ended).toBe(0);
      expect(children.filter(isAlive)).toEqual([]);
    },
  );
});

describe('a file that changes', () => {
  const withDisabled = (...disabledTools: string[]): string =>
    JSON.stringify({ upstreams: { demo: { command: process.execPath, args: [DEMO], disabledTools } } });

  test('a good one takes effect, sessions live on; a bad one is reported and the old one stays', async () => {
    const file = await installed.write('changing.yaml', withDisabled('add', 'echo'));
    const program = await serve(['serve', '-c', file, ...PORT]);
    const told = Promise.withResolvers<void>();
    const client = await connect(program.url, { toolsChanged: () => told.resolve() });
    expect(await listNames(client)).not.toContain('add');

    await writeFile(file, 'upstreams:\n  demo: { comand: node }\n');
    await program.until(/the running one stays/);
    expect(program.stderr()).toMatch(/changing\.yaml:2:\d+.*comand/);
    expect(await callText(client, 'big', { bytes: 3 })).toBe('The');
    expect(await listNames(client)).not.toContain('add');

    await writeFile(file, withDisabled('echo'));
    await program.until(/is at work/);
    // The same client in the same session is told, and sees it.
    await told.promise;
    expect(await listNames(client)).toContain('add');
    expect(await callText(client, 'add', { a: 1, b: 2 })).toBe('3');
  });

  test('SIGHUP reads the files of secrets again', async () => {
    await using server = await startScripted(legacyScript());
    const token = await installed.write('token', 'first\n');
    const config = { upstreams: { it: { url: server.url, headers: { Authorization: { file: token } } } } };
    const file = await installed.write('secret.yaml', JSON.stringify(config));
    const program = await serve(['serve', '-c', file, ...PORT]);
    const client = await connect(program.url);
    const call = async (): Promise<unknown> => {
      await client.ask('tools/call', { name: 'act', arguments: {} });
      return server.calls('tools/call').at(-1)?.headers.authorization;
    };
    expect(await call()).toBe('first');
    await installed.write('token', 'second\n');
    program.child.kill('SIGHUP');
    await program.until(/is at work/);
    expect(await call()).toBe('second');
  });
});
