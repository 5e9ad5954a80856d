/** One endpoint over several servers: names, collisions, and servers that are not there. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LibraryConfig } from '../../packages/breakwater/src/index.ts';
import { findFreePort, REPOSITORY } from '../e2e/support/programs.ts';
import { type RunningGateway, startGateway } from '../requirements/support/gateway.ts';
import { arrayAt, at, textAt } from '../requirements/support/json.ts';
import { legacyScript, modernScript } from '../requirements/support/scripted-eras.ts';
import {
  resultOf,
  type Script,
  type ScriptedUpstream,
  sendJson,
  startScripted,
} from '../requirements/support/scripted-upstream.ts';
import { CLIENT_ERAS, callTool, listTools, makeAsker, namesIn, PATIENT } from './support/ask.ts';
import { toolNamed } from './support/paged-script.ts';

type UpstreamConfig = LibraryConfig['upstreams'][string];

const DEAD: UpstreamConfig = { command: process.execPath, args: ['-e', 'process.exit(1)'] };
const DEMO = join(REPOSITORY, 'apps/demo-server/stdio.ts');
const UNAVAILABLE = 'breakwater/unavailable';
const LONGEST = 64;

/** A server whose tools say what they were called, and who they are. */
function namedScript(era: 'legacy' | 'modern', who: string, tools: readonly string[]): Script {
  const make = era === 'legacy' ? legacyScript : modernScript;
  return make({
    tools: tools.map(toolNamed),
    capabilities: { tools: {}, prompts: {}, resources: {} },
    instead: (request, response) => {
      const { message } = request;
      const name = at(message, 'params', 'name');
      const item = { prompts: [{ name: 'greet' }], resources: [{ uri: 'test://shared', name: who }] };
      const results: Readonly<Record<string, object>> = {
        'tools/call': { content: [{ type: 'text', text: `${who} ran ${String(name)}` }] },
        'prompts/get': { messages: [{ role: 'user', content: { type: 'text', text: `${who} gave ${String(name)}` } }] },
        'prompts/list': { prompts: item.prompts, ttlMs: 300_000, cacheScope: 'private' },
        'resources/list': { resources: item.resources, ttlMs: 300_000, cacheScope: 'private' },
        'resources/read': { contents: [{ uri: 'test://shared', text: who }], ttlMs: 0, cacheScope: 'private' },
      };
      const result = results[String(message?.['method'])];
      if (result === undefined || (era === 'legacy' && request.headers['mcp-session-id'] === undefined)) return false;
      const envelope = era === 'modern' ? { resultType: 'complete' } : {};
      sendJson(response, 200, resultOf(request, { ...result, ...envelope }));
      return true;
    },
  });
}

function namedServer(...args: Parameters<typeof namedScript>): Promise<ScriptedUpstream> {
  return startScripted(namedScript(...args));
}

function collisions({ events }: RunningGateway): unknown[] {
  return events.flatMap((event) =>
    event.type === 'notice' && event.detail?.['hidden'] !== undefined ? [event.detail] : [],
  );
}

describe.each(CLIENT_ERAS)('a route over several servers, for %s clients', (era) => {
  it('puts the name of each server before its tools and prompts, and takes it off again', async () => {
    await using one = await namedServer('legacy', 'one', ['act', 'with__two']);
    await using two = await namedServer('modern', 'two', ['act']);
    await using gateway = await startGateway({
      upstreams: { one: { url: one.url }, two: { url: two.url, prefix: 'second' } },
    });
    const asker = await makeAsker(gateway.url, era);
    expect(await listTools(asker)).toEqual(['one__act', 'one__with__two', 'second__act']);
    expect(await callTool(asker, 'one__act')).toBe('one ran act');
    expect(await callTool(asker, 'one__with__two')).toBe('one ran with__two');
    expect(await callTool(asker, 'second__act')).toBe('two ran act');
    const prompts = arrayAt(await asker.ask('prompts/list'), 'result', 'prompts');
    expect(prompts.map((prompt) => textAt(prompt, 'name'))).toEqual(['one__greet', 'second__greet']);
    const got = await asker.ask('prompts/get', { name: 'second__greet' });
    expect(at(got, 'result', 'messages', 0, 'content', 'text')).toBe('two gave greet');
    // Attack: the name of another server's tool, to be sent where it does not belong.
    for (const name of ['act', 'two__act', '__act', 'second__one__act']) {
      expect(await callTool(asker, name), name).not.toContain('one ran');
    }
    // Each server also has an endpoint of its own, without prefixes.
    expect(await listTools(await makeAsker(`${gateway.url}/one`, era))).toEqual(['act', 'with__two']);
  });

  it('cuts names to 64 characters, and knows which tool each of them means', async () => {
    const stem = 'a-tool-whose-name-leaves-no-room-for-that-of-its-server-';
    const long = [`${stem}1`, `${stem}2`];
    await using one = await namedServer('legacy', 'one', long);
    await using two = await namedServer('legacy', 'two', long);
    const upstreams = { 'a-rather-long-name': { url: one.url }, 'a-rather-long-name-2': { url: two.url } };
    await using gateway = await startGateway({ upstreams });
    const asker = await makeAsker(gateway.url, era);
    const names = await listTools(asker);
    expect(names.map(({ length }) => length)).toEqual([LONGEST, LONGEST, LONGEST, LONGEST]);
    expect(new Set(names).size).toBe(4);
    const ran = await Promise.all(names.map((name) => callTool(asker, name)));
    expect(ran).toEqual(['one', 'two'].flatMap((who) => long.map((name) => `${who} ran ${name}`)));
    // They are stable: another gateway makes the same, and needs no list to have been read before a call.
    await using other = await startGateway({ upstreams });
    expect(await callTool(await makeAsker(other.url, era), names[3] ?? '')).toBe(ran[3]);
    expect(collisions(gateway)).toEqual([]);
  });

  it('serves the first of two that have the same name, and says so once', async () => {
    await using one = await namedServer('legacy', 'one', ['act', 'own']);
    await using two = await namedServer('modern', 'two', ['act', 'other']);
    await using gateway = await startGateway({
      upstreams: { one: { url: one.url, prefix: false }, two: { url: two.url, prefix: false } },
    });
    const asker = await makeAsker(gateway.url, era);
    for (let again = 0; again < 3; again++) expect(await listTools(asker)).toEqual(['act', 'own', 'other']);
    expect(await callTool(asker, 'act')).toBe('one ran act');
    expect(await callTool(asker, 'other')).toBe('two ran other');
    const names = { served: 'one', hidden: 'two', route: '/mcp' };
    expect(collisions(gateway)).toEqual([{ kind: 'tools', name: 'act', ...names }]);
    const resources = arrayAt(await asker.ask('resources/list'), 'result', 'resources');
    expect(resources.map((resource) => textAt(resource, 'name'))).toEqual(['one']);
    expect(collisions(gateway)).toContainEqual({ kind: 'resources', name: 'test://shared', ...names });
    const read = await asker.ask('resources/read', { uri: 'test://shared' });
    expect(at(read, 'result', 'contents', 0, 'text')).toBe('one');
  });

  it('is not spoilt by a dead server, and names it', async () => {
    await using alive = await namedServer('legacy', 'alive', ['act']);
    const nobody = `http://127.0.0.1:${await findFreePort()}/mcp`;
    await using gateway = await startGateway({
      upstreams: { dead: DEAD, alive: { url: alive.url }, gone: { url: nobody } },
    });
    const asker = await makeAsker(gateway.url, era);
    const list = await asker.ask('tools/list');
    expect(namesIn(list)).toEqual(['alive__act']);
    expect(at(list, 'result', '_meta', UNAVAILABLE)).toEqual(['dead', 'gone']);
    expect(await callTool(asker, 'alive__act')).toBe('alive ran act');
    const refused = await asker.ask('tools/call', { name: 'gone__act', arguments: {} });
    expect(at(refused, 'error', 'data', 'reason')).toBe('upstream.unavailable');
    // A server that failed is left alone for a while. Nobody waits for that: eight lists would take minutes.
    for (let again = 0; again < 8; again++) expect(await listTools(asker)).toEqual(['alive__act']);
    // On a route of its own there is nothing else to show.
    const alone = await makeAsker(`${gateway.url}/alive`, era);
    expect(at(await alone.ask('tools/list'), 'result', '_meta', UNAVAILABLE)).toBeUndefined();
  });

  it('shows a dead server’s tools once it lives', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'breakwater-late-'));
    await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
    const sign = join(folder, 'lives');
    const program = `fs.existsSync(${JSON.stringify(sign)}) ? import(${JSON.stringify(DEMO)}) : process.exit(1)`;
    await using first = await namedServer('legacy', 'first', ['act']);
    const late = { command: process.execPath, args: ['-e', program], restart: { minDelay: 10, maxDelay: 50 } };
    await using gateway = await startGateway({ upstreams: { first: { url: first.url }, late } });
    const asker = await makeAsker(gateway.url, era);
    expect(await listTools(asker)).toEqual(['first__act']);
    await writeFile(sign, '');
    await expect.poll(() => listTools(asker), PATIENT).toContain('late__echo');
    expect(await callTool(asker, 'late__echo', { text: 'here' })).toBe('here');
    expect(at(await asker.ask('tools/list'), 'result', '_meta', UNAVAILABLE)).toBeUndefined();
  });

  it('answers with an error when all are dead', async () => {
    await using alive = await namedServer('legacy', 'alive', ['act']);
    const upstreams = { dead: DEAD, lost: { url: alive.url } };
    await using gateway = await startGateway({ upstreams, routes: [{ path: '/mcp' }] });
    const asker = await makeAsker(gateway.url, era);
    expect(await listTools(asker)).toEqual(['lost__act']);
    // What is known of a server that was there is served on, and its calls fail.
    await alive.close();
    expect(await listTools(asker)).toEqual(['lost__act']);
    expect(at(await asker.ask('tools/call', { name: 'lost__act', arguments: {} }), 'error', 'code')).toBe(-32603);

    await using dark = await startGateway({ upstreams: { dead: DEAD, deader: DEAD } });
    if (era === 'legacy') await expect(makeAsker(dark.url, era)).rejects.toThrow();
    const { ask } = await makeAsker(dark.url, 'modern');
    for (const method of ['server/discover', 'tools/list', 'prompts/list', 'resources/list']) {
      const refused = await ask(method);
      expect(at(refused, 'error', 'code'), method).toBe(-32603);
      expect(at(refused, 'error', 'data', 'reason'), method).toBe('upstream.unavailable');
    }
  });
});
