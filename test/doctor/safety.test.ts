import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { McpServer } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, it } from 'vitest';
import { PERSONAS } from '../../packages/breakwater/src/doctor/personas/catalogue.ts';
import { examineFast, personaOf } from './examine.ts';
import { listen, startBreakwater } from './servers.ts';

const KEY = 'the key of the issuer';

function mint(aud: string): string {
  const body = [{ alg: 'HS256' }, { aud, sub: 'somebody' }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${body}.${createHmac('sha256', KEY).update(body).digest('base64url')}`;
}

function isGenuine(request: IncomingMessage): boolean {
  const [head = '', payload = '', signature] = (request.headers.authorization ?? '').replace(/^Bearer /, '').split('.');
  return signature === createHmac('sha256', KEY).update(`${head}.${payload}`).digest('base64url');
}

const RESULT = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { protocolVersion: '2025-11-25' } });

/** A server that asks for a token and looks at it like this. */
function guard(admits: (request: IncomingMessage) => boolean) {
  return listen((request, response) => {
    response.setHeader('content-type', 'application/json');
    if (admits(request)) response.end(RESULT);
    else response.writeHead(401, { 'www-authenticate': 'Bearer' }).end('{}');
  });
}

describe('safety', () => {
  const called: string[] = [];
  afterEach(() => void called.splice(0));

  function factory(): McpServer {
    const server = new McpServer({ name: 'dangerous', version: '1.0.0' });
    for (const name of ['wipe', 'search']) {
      server.registerTool(name, {}, () => {
        called.push(name);
        return { content: [] };
      });
    }
    return server;
  }

  it('calls no tool that does not say that it only reads, whatever the persona', async () => {
    await using breakwater = await startBreakwater({ factory });
    const { played } = await examineFast(breakwater.url);
    expect(played.filter(({ outcome }) => outcome === 'stuck')).toEqual([]);
    expect(called).toEqual([]);
  });

  it('calls those that the operator allows', async () => {
    await using breakwater = await startBreakwater({ factory });
    await examineFast(breakwater.url, [personaOf('spec-2025-11-25')], { allowedTools: ['wipe'] });
    expect(called).toEqual(['wipe']);
  });

  it('never sends what joins, submits or buys', async () => {
    const seen: string[] = [];
    await using server = await listen((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.writeHead(404).end();
    });
    await examineFast(server.url);
    const posts = seen.filter((line) => line.startsWith('POST') && /submit|join|missions|claim|vote/.test(line));
    expect(posts).toEqual([]);
    expect(seen.filter((line) => /^(PUT|PATCH)/.test(line))).toEqual([]);
  });

  it('leaves a server that never answers when the time is over', async () => {
    await using server = await listen(() => undefined);
    const { played } = await examineFast(server.url, [personaOf('full-lifecycle'), personaOf('spec-2024-11-05')], {
      visitMs: 600,
    });
    expect(played.map(({ outcome }) => outcome)).toEqual(['stuck', 'stuck']);
    expect(played[0]?.reason).toContain('no answer in time');
  });
});

describe('hostile personas find what is wrong', () => {
  const extra = [['Authorization', `Bearer ${mint('http://127.0.0.1/mcp')}`]] as const;

  it('a server that verifies tokens withstands one for another audience', async () => {
    await using server = await guard(isGenuine);
    const { played } = await examineFast(server.url, [personaOf('wrong-audience')], { extra });
    expect(played).toMatchObject([{ outcome: 'in', reason: 'The token was refused with 401.', remarks: [] }]);
  });

  it('a server that takes any token gives way', async () => {
    await using server = await guard((request) => request.headers.authorization !== undefined);
    const { played } = await examineFast(server.url, [personaOf('wrong-audience')], { extra });
    expect(played).toMatchObject([{ outcome: 'stuck' }]);
  });

  it('is not played without a token', async () => {
    const { played, notPlayed } = await examineFast('http://127.0.0.1:1/mcp', [personaOf('wrong-audience')]);
    expect(played).toEqual([]);
    expect(notPlayed).toMatchObject([{ id: 'wrong-audience' }]);
  });

  it('a server that believes every request gives way to pages', async () => {
    await using server = await listen((_, response) =>
      response.setHeader('content-type', 'application/json').end(RESULT),
    );
    const { played } = await examineFast(server.url, [personaOf('foreign-origin'), personaOf('dns-rebinding')]);
    expect(played.map(({ outcome }) => outcome)).toEqual(['stuck', 'stuck']);
  });

  it('a server that is hurt gives way', async () => {
    let hurt = false;
    await using server = await listen((request, response) => {
      hurt ||= Number(request.headers['content-length']) > 100_000;
      response.writeHead(hurt ? 500 : 200, { 'content-type': 'application/json' }).end(RESULT);
    });
    const { played } = await examineFast(server.url, [personaOf('deep-json')]);
    expect(played).toMatchObject([{ outcome: 'stuck', group: 'hostile' }]);
  });

  it('there is one of each kind', () => {
    expect(PERSONAS.filter(({ group }) => group === 'hostile')).toHaveLength(12);
  });
});
