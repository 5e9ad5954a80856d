import { randomUUID } from 'node:crypto';
import { errorOf, resultOf, type Script, type SeenRequest, sendJson } from './scripted-upstream.ts';

const CAPABILITIES = { tools: { listChanged: true }, prompts: {}, resources: { subscribe: true }, logging: {} };
const INFO = { name: 'scripted', version: '1' };

/** The tool that every scripted server has. */
export const TOOL = { name: 'act', description: 'Does what the test wants.', inputSchema: { type: 'object' } };

/** Answers instead of the standard; undefined where it has nothing to say. Return true when the response was taken care of. */
export type Override = (...args: Parameters<Script>) => boolean;

/** What a standard server of either era can be told. */
export interface EraOptions {
  readonly tools?: readonly object[];
  readonly capabilities?: object;
  readonly instead?: Override;
}

/** A legacy server with sessions: 2025-11-25, one tool, and whatever `instead` does differently. */
export function legacyScript({ tools = [TOOL], capabilities = CAPABILITIES, instead }: EraOptions = {}): Script {
  const sessions = new Set<string>();
  return (request, response) => {
    if (instead?.(request, response) === true) return;
    const { message, verb, headers } = request;
    const method = message?.['method'];
    if (verb === 'DELETE') {
      response.writeHead(sessions.delete(String(headers['mcp-session-id'])) ? 200 : 404).end();
    } else if (verb !== 'POST') response.writeHead(405).end();
    else if (method === 'initialize') {
      const session = randomUUID();
      sessions.add(session);
      const result = { protocolVersion: '2025-11-25', capabilities, serverInfo: INFO };
      sendJson(response, 200, resultOf(request, result), { 'mcp-session-id': session });
    } else if (headers['mcp-session-id'] === undefined) {
      sendJson(response, 400, errorOf(request, -32000, 'Bad Request: Mcp-Session-Id header is required'));
    } else if (!sessions.has(String(headers['mcp-session-id']))) {
      sendJson(response, 404, errorOf(request, -32001, 'Session not found'));
    } else if (message?.['id'] === undefined || method === undefined) response.writeHead(202).end();
    else answerStandard(request, response, tools, {});
  };
}

/** A 2026-07-28 server: one tool, and whatever `instead` does differently. */
export function modernScript({ tools = [TOOL], capabilities = CAPABILITIES, instead }: EraOptions = {}): Script {
  return (request, response) => {
    if (instead?.(request, response) === true) return;
    const { message, verb } = request;
    if (verb !== 'POST') response.writeHead(405).end();
    else if (message?.['method'] === 'initialize') {
      sendJson(response, 400, errorOf(request, -32602, 'This server supports 2026-07-28 only'));
    } else if (message?.['method'] === 'server/discover') {
      sendJson(
        response,
        200,
        resultOf(request, modernResult({ supportedVersions: ['2026-07-28'], capabilities, ...CACHE })),
      );
    } else answerStandard(request, response, tools, MODERN_MEMBERS);
  };
}

const CACHE = { ttlMs: 0, cacheScope: 'private' };
const MODERN_MEMBERS = { resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': INFO } };

/** A complete modern result with these members. */
export function modernResult(members: object): object {
  return { resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': INFO }, ...members };
}

function answerStandard(
  request: SeenRequest,
  response: Parameters<Script>[1],
  tools: readonly object[],
  envelope: object,
): void {
  const list = { ...envelope, ...('resultType' in envelope ? CACHE : {}) };
  const results: Readonly<Record<string, object>> = {
    'tools/list': { tools, ...list },
    'prompts/list': { prompts: [], ...list },
    'resources/list': { resources: [], ...list },
    'resources/templates/list': { resourceTemplates: [], ...list },
    'tools/call': { content: [{ type: 'text', text: 'done' }], ...envelope },
    ping: {},
    'logging/setLevel': {},
    'resources/subscribe': {},
    'resources/unsubscribe': {},
  };
  const result = results[String(request.message?.['method'])];
  if (result !== undefined) sendJson(response, 200, resultOf(request, result));
  else sendJson(response, 'resultType' in envelope ? 404 : 200, errorOf(request, -32601, 'Method not found'));
}
