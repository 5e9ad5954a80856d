import { scanObject } from '../../packages/breakwater/src/jsonrpc/raw.ts';
import { encodeError } from '../../packages/breakwater/src/jsonrpc/write.ts';
import {
  clientCapabilitiesFor,
  serverCapabilitiesFor,
} from '../../packages/breakwater/src/protocol/bridge/capabilities.ts';
import { bridgeError } from '../../packages/breakwater/src/protocol/bridge/error.ts';
import { writeInitializeResult } from '../../packages/breakwater/src/protocol/bridge/initialize.ts';
import { bridgeNotification } from '../../packages/breakwater/src/protocol/bridge/notification.ts';
import { bridgeParams } from '../../packages/breakwater/src/protocol/bridge/request.ts';
import { bridgeResult } from '../../packages/breakwater/src/protocol/bridge/result.ts';
import { profileKey, profileOf } from '../../packages/breakwater/src/protocol/capabilities.ts';
import { readInitialize } from '../../packages/breakwater/src/protocol/legacy/initialize.ts';
import { readEnvelope, validateEnvelope } from '../../packages/breakwater/src/protocol/modern/envelope.ts';
import { decodeHeaderValue, encodeHeaderValue } from '../../packages/breakwater/src/protocol/modern/header-value.ts';
import { modernRequestHeaders, validateModernHeaders } from '../../packages/breakwater/src/protocol/modern/headers.ts';
import { buildParamHeaders, compileParamHeaders } from '../../packages/breakwater/src/protocol/modern/param-headers.ts';
import type { Revision } from '../../packages/breakwater/src/protocol/revision.ts';
import { INPUTS } from './inputs.ts';
import type { Micro } from './micro.ts';

const OLD = '2025-11-25';
const NEW = '2026-07-28';
const INFO = Buffer.from('{"name":"bench","version":"1.0.0"}');
const CAPABILITIES = { elicitation: { form: {} } };
const SERVER = { tools: { listChanged: true }, prompts: {}, resources: { subscribe: true }, logging: {} };
const SCHEMA = { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } };
const PLAIN = scanObject(Buffer.from('{"name":"echo","arguments":{"text":"ahoy","region":"eu"}}'));
const PROGRESS = scanObject(Buffer.from('{"progressToken":7,"progress":1,"total":9}'));
const INITIALIZE = scanObject(
  Buffer.from(`{"protocolVersion":"${OLD}","capabilities":{"elicitation":{}},"clientInfo":${INFO.toString()}}`),
);
const ERROR = encodeError({ code: -32602, message: 'Unknown tool.' });
const modern = scanObject(INPUTS.modernCall);
const modernParams = modern && scanObject(modern.bytes, modern.members[3]?.start, modern.view);
const compiled = compileParamHeaders(SCHEMA);
const declared = compiled.ok ? compiled.value : [];
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'mcp-protocol-version': [NEW],
  'mcp-method': ['tools/call'],
  'mcp-name': ['echo'],
};
const legacyClient = { revision: OLD, info: INFO, capabilities: CAPABILITIES } as const;
const modernClient = { revision: NEW, info: INFO, capabilities: CAPABILITIES } as const;
let token = 0;

/** What is read of a message and what is made of it for the other leg. */
export const protocolMicros: readonly Micro[] = [
  { name: 'protocol/readEnvelope and validate, known', run: () => readAndValidate(modernParams) },
  { name: 'protocol/readEnvelope and validate, new', run: () => readAndValidate(withToken()) },
  { name: 'protocol/validateModernHeaders', run: () => validateModernHeaders(mirrored()) },
  {
    name: 'protocol/modernRequestHeaders',
    run: () => modernRequestHeaders({ revision: NEW, method: 'tools/call', params: PLAIN }),
  },
  { name: 'protocol/encodeHeaderValue', run: () => encodeHeaderValue('résumé') },
  { name: 'protocol/decodeHeaderValue', run: () => decodeHeaderValue('=?base64?cmVzdW1l?=') },
  { name: 'protocol/compileParamHeaders', run: () => compileParamHeaders(SCHEMA) },
  { name: 'protocol/buildParamHeaders', run: () => buildParamHeaders(declared, PLAIN) },
  { name: 'protocol/readInitialize', run: () => readInitialize(INITIALIZE) },
  { name: 'protocol/profileOf and its key', run: () => profileKey(profileOf(CAPABILITIES)) },
  {
    name: 'bridge/clientCapabilitiesFor legacy to modern',
    run: () => clientCapabilitiesFor(CAPABILITIES, OLD, NEW, { canAsk: true }),
  },
  { name: 'bridge/serverCapabilitiesFor modern to legacy', run: () => serverCapabilitiesFor(SERVER, NEW, OLD) },
  {
    name: 'bridge/writeInitializeResult',
    run: () => writeInitializeResult({ revision: OLD, info: INFO, capabilities: SERVER, instructions: undefined }),
  },
  { name: 'bridge/params legacy to legacy', run: () => params(legacyClient, PLAIN, OLD) },
  { name: 'bridge/params legacy to modern', run: () => params(legacyClient, PLAIN, NEW) },
  { name: 'bridge/params modern to modern', run: () => params(modernClient, modernParams, NEW) },
  { name: 'bridge/params modern to legacy', run: () => params(modernClient, modernParams, OLD) },
  { name: 'bridge/params with a token', run: () => params(modernClient, modernParams, NEW, ++token) },
  { name: 'bridge/result legacy to modern', run: () => result('tools/call', INPUTS.result, OLD, NEW) },
  { name: 'bridge/result modern to legacy', run: () => result('tools/call', INPUTS.result, NEW, OLD) },
  { name: 'bridge/result list 41 KB, modern to legacy', run: () => result('tools/list', INPUTS.listResult, NEW, OLD) },
  {
    name: 'bridge/notification progress',
    run: () =>
      bridgeNotification({
        method: 'notifications/progress',
        params: PROGRESS,
        from: OLD,
        to: NEW,
        progressToken: '"mine"',
      }),
  },
  {
    name: 'bridge/error modern to legacy',
    run: () => bridgeError({ method: 'tools/call', error: ERROR, from: NEW, to: OLD }),
  },
];

function readAndValidate(raw: ReturnType<typeof scanObject>): unknown {
  const reading = readEnvelope(raw);
  return reading.claim === 'modern' ? validateEnvelope(reading) : undefined;
}

function withToken(): ReturnType<typeof scanObject> {
  return scanObject(Buffer.from(JSON.stringify({ name: 'echo', _meta: { ...INPUTS.meta, progressToken: ++token } })));
}

function mirrored(): Parameters<typeof validateModernHeaders>[0] {
  return { headers: (name) => HEADERS[name] ?? [], method: 'tools/call', params: PLAIN, revision: NEW };
}

function params(
  client: typeof legacyClient | typeof modernClient,
  raw: ReturnType<typeof scanObject>,
  revision: Revision,
  progressToken?: number,
): unknown {
  const leg = { revision, progressToken, clientInfo: INFO, clientCapabilities: CAPABILITIES };
  return bridgeParams({ method: 'tools/call', params: raw, client }, leg);
}

function result(method: string, bytes: Buffer, from: Revision, to: Revision): unknown {
  return bridgeResult({ method, result: bytes, from, to, serverInfo: INFO });
}
