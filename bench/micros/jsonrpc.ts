import { makeId } from '../../packages/breakwater/src/jsonrpc/id.ts';
import { isSoundPayload, parseBody, parseMessage } from '../../packages/breakwater/src/jsonrpc/parse.ts';
import {
  editObject,
  hasDuplicateKey,
  memberObject,
  memberValue,
  type RawObject,
  scanArray,
  scanObject,
} from '../../packages/breakwater/src/jsonrpc/raw.ts';
import {
  decodeError,
  encodeError,
  writeError,
  writeNotification,
  writeRequest,
  writeResult,
} from '../../packages/breakwater/src/jsonrpc/write.ts';
import { INPUTS } from './inputs.ts';
import type { Micro } from './micro.ts';

const LIMITS = { jsonDepth: 128, idBytes: 1_024, batch: 50 };
const ID = makeId(7);
const BATCH = Buffer.from(`[${INPUTS.call.toString()},${INPUTS.call.toString()}]`);
const PARAMS = Buffer.from('{"name":"echo","arguments":{"text":"ahoy"}}');
const ERROR = encodeError({ code: -32602, message: 'Unknown tool.', data: { name: 'ecko' } });
const call = scanned(INPUTS.call);
const list = scanned(INPUTS.listResult);

/** Messages as bytes: every request and response passes some of these once in each direction. */
export const jsonrpcMicros: readonly Micro[] = [
  { name: 'jsonrpc/parseBody call 150 B', run: () => parseBody(INPUTS.call, LIMITS) },
  { name: 'jsonrpc/parseBody modern call 430 B', run: () => parseBody(INPUTS.modernCall, LIMITS) },
  { name: 'jsonrpc/parseBody call 4 KB', run: () => parseBody(INPUTS.call4k, LIMITS) },
  { name: 'jsonrpc/parseBody batch of 2', run: () => parseBody(BATCH, LIMITS) },
  { name: 'jsonrpc/parseMessage call 150 B', run: () => parseMessage(INPUTS.call) },
  { name: 'jsonrpc/parseMessage call 4 KB', run: () => parseMessage(INPUTS.call4k) },
  { name: 'jsonrpc/parseMessage answer 140 B, checked', run: () => parseMessage(INPUTS.answer) },
  { name: 'jsonrpc/parseMessage answer with spaces', run: () => parseMessage(INPUTS.spacedAnswer) },
  { name: 'jsonrpc/parseMessage list 41 KB, checked', run: () => parseMessage(INPUTS.list) },
  { name: 'jsonrpc/isSoundPayload 110 B', run: () => isSoundPayload(INPUTS.result) },
  { name: 'jsonrpc/scanObject call', run: () => scanObject(INPUTS.call) },
  { name: 'jsonrpc/scanArray 22 tools', run: () => scanArray(list.bytes, list.members[0]?.start, list.view) },
  { name: 'jsonrpc/memberObject params', run: () => memberObject(call, 'params') },
  { name: 'jsonrpc/memberValue method', run: () => memberValue(call, 'method') },
  { name: 'jsonrpc/hasDuplicateKey call', run: () => hasDuplicateKey(call) },
  { name: 'jsonrpc/editObject one of four', run: () => editObject(call, { id: '8' }) },
  { name: 'jsonrpc/writeRequest', run: () => writeRequest(ID, 'tools/call', PARAMS) },
  { name: 'jsonrpc/writeNotification', run: () => writeNotification('notifications/progress', PARAMS) },
  { name: 'jsonrpc/writeResult 110 B', run: () => writeResult(ID, INPUTS.result) },
  { name: 'jsonrpc/writeError', run: () => writeError(ID, ERROR) },
  { name: 'jsonrpc/decodeError', run: () => decodeError(ERROR) },
];

function scanned(bytes: Buffer): RawObject {
  const object = scanObject(bytes);
  if (object === undefined) throw new TypeError('an input of the micro-benchmarks is no object');
  return object;
}
