import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as modern from '@modelcontextprotocol/core';
import * as legacy from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it } from 'vitest';
import { type RawObject, scanObject } from '../../packages/breakwater/src/jsonrpc/raw.ts';
import {
  clientCapabilitiesFor,
  serverCapabilitiesFor,
} from '../../packages/breakwater/src/protocol/bridge/capabilities.ts';
import { bridgeError } from '../../packages/breakwater/src/protocol/bridge/error.ts';
import { bridgeItem } from '../../packages/breakwater/src/protocol/bridge/items.ts';
import { bridgeNotification } from '../../packages/breakwater/src/protocol/bridge/notification.ts';
import { bridgeParams } from '../../packages/breakwater/src/protocol/bridge/request.ts';
import { bridgeResult } from '../../packages/breakwater/src/protocol/bridge/result.ts';
import type { JsonObject } from '../../packages/breakwater/src/protocol/capabilities.ts';
import { LISTS, type ListKind } from '../../packages/breakwater/src/protocol/methods.ts';
import { isRevision, type Revision } from '../../packages/breakwater/src/protocol/revision.ts';

/**
 * Golden files of the bridge: a header line (`<what> key=value …`), the input bytes, a line of ten dashes, the output bytes. They hold the raw bytes
 * on purpose: key order, number spelling and untouched white space are what is tested. `UPDATE_GOLDEN=1` rewrites the outputs; read the
 * diff against `packages/breakwater/src/protocol/bridge/README.md` before committing it.
 */
const FOLDER = join(import.meta.dirname, 'bridge');
const SEPARATOR = '\n----------\n';
const GATEWAY = Buffer.from('{"name":"breakwater","version":"1"}');
const SERVER = Buffer.from('{"name":"server","version":"2"}');

type Header = Readonly<Record<string, string>> & { readonly what: string };

function readHeader(line: string): Header {
  const [what = '', ...pairs] = line.split(' ');
  const entries = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return { what, ...Object.fromEntries(entries) };
}

function revision(text: string | undefined): Revision {
  if (!isRevision(text)) throw new TypeError(`Not a revision: ${text}`);
  return text;
}

function scan(input: Buffer): RawObject | undefined {
  return input.toString() === 'undefined' ? undefined : scanObject(input);
}

function show(bytes: Buffer | undefined): string {
  return bytes === undefined ? 'undefined' : bytes.toString();
}

const BRIDGES: Readonly<Record<string, (header: Header, input: Buffer) => string>> = {
  params({ method = '', from, to, progressToken, logLevel }, input) {
    const client = { revision: revision(from), info: undefined, capabilities: {} };
    const token = progressToken === undefined ? undefined : Number(progressToken);
    const leg = { revision: revision(to), progressToken: token, logLevel, clientInfo: GATEWAY };
    const params = scan(input);
    return show(bridgeParams({ method, params, client }, { ...leg, clientCapabilities: { sampling: {} } }));
  },
  result({ method = '', from, to, ttlMs, cacheScope }, input) {
    const scope = cacheScope === 'public' ? 'public' : 'private';
    const cache = ttlMs === undefined ? undefined : ({ ttlMs: Number(ttlMs), cacheScope: scope } as const);
    const legs = { from: revision(from), to: revision(to) };
    const bridged = bridgeResult({ method, result: input, ...legs, serverInfo: SERVER, cache });
    if (!bridged.ok) return `fault ${JSON.stringify(bridged.fault)}`;
    checkResult(method, legs.to, bridged.result);
    return show(bridged.result);
  },
  item({ kind, from, to, valid }, input) {
    const item = bridgeItem(kind as ListKind, input, revision(from), revision(to));
    if (item !== undefined) {
      const list = LISTS[kind as ListKind];
      const page = Buffer.from(`{"${list.member}":[${item}]}`);
      // `valid=no`: what the server itself got wrong passes between legacy legs.
      if (valid !== 'no') checkResult(list.method, '2025-11-25', page);
    }
    return show(item);
  },
  error({ method = '', from, to }, input) {
    const bridged = bridgeError({ method, error: input, from: revision(from), to: revision(to) });
    if (bridged.kind === 'error') {
      modern.JSONRPCErrorResponseSchema.parse({ jsonrpc: '2.0', id: 1, error: JSON.parse(bridged.error.toString()) });
      return `${bridged.http} ${bridged.error}`;
    }
    checkResult(method, revision(to), bridged.result);
    return `result ${bridged.result}`;
  },
  serverCapabilities({ from, to }, input) {
    const capabilities = serverCapabilitiesFor(parse(input), revision(from), revision(to));
    modern.ServerCapabilitiesSchema.parse(capabilities);
    return JSON.stringify(capabilities);
  },
  clientCapabilities({ from, to, canAsk }, input) {
    const options = { canAsk: canAsk === 'true' };
    const capabilities = clientCapabilitiesFor(parse(input), revision(from), revision(to), options);
    modern.ClientCapabilitiesSchema.parse(capabilities);
    return JSON.stringify(capabilities);
  },
  notification({ method = '', from, to, progressToken, subscriptionId }, input) {
    const legs = { from: revision(from), to: revision(to) };
    const bridged = bridgeNotification({ method, params: scan(input), ...legs, progressToken, subscriptionId });
    return bridged === undefined ? 'dropped' : `${bridged.method} ${show(bridged.params)}`;
  },
};

function parse(input: Buffer): JsonObject {
  return JSON.parse(input.toString()) as JsonObject;
}

interface Schema {
  parse(value: unknown): unknown;
}

const LEGACY_SCHEMAS: Readonly<Record<string, Schema>> = {
  'tools/list': legacy.ListToolsResultSchema,
  'tools/call': legacy.CallToolResultSchema,
  'prompts/list': legacy.ListPromptsResultSchema,
  'prompts/get': legacy.GetPromptResultSchema,
  'resources/list': legacy.ListResourcesResultSchema,
  'resources/read': legacy.ReadResourceResultSchema,
  'completion/complete': legacy.CompleteResultSchema,
};

const MODERN_SCHEMAS: Readonly<Record<string, Schema>> = {
  'tools/list': modern.ListToolsResultSchema,
  'tools/call': modern.CallToolResultSchema,
  'prompts/get': modern.GetPromptResultSchema,
  'resources/read': modern.ReadResourceResultSchema,
};

// What an SDK of the client's era makes of it: v1 knows 2025-11-25 and before, v2's schemas are those of 2026-07-28.
function checkResult(method: string, to: Revision, result: Buffer): void {
  const schemas = to === '2026-07-28' ? MODERN_SCHEMAS : LEGACY_SCHEMAS;
  schemas[method]?.parse(JSON.parse(result.toString()));
}

describe('the golden files of the bridge', () => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.golden'))) {
    it(file.slice(0, -'.golden'.length), () => {
      const path = join(FOLDER, file);
      const text = readFileSync(path, 'utf8');
      const [before = '', after = ''] = text.split(SEPARATOR);
      const at = before.indexOf('\n');
      const header = readHeader(before.slice(0, at));
      const bridge = BRIDGES[header.what];
      if (bridge === undefined) throw new TypeError(`No bridge called ${header.what}`);
      const output = `${bridge(header, Buffer.from(before.slice(at + 1)))}\n`;
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, before + SEPARATOR + output);
      else expect(output).toBe(after);
    });
  }
});
