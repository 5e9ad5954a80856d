import { parseMessage } from '../../packages/breakwater/src/jsonrpc/parse.ts';
import { INPUTS } from './inputs.ts';
import type { Micro } from './micro.ts';

/** The envelope scan that every message passes once in each direction. */
export const jsonrpcMicros: readonly Micro[] = [
  { name: 'jsonrpc/parseMessage call 150 B', run: () => parseMessage(INPUTS.call) },
  { name: 'jsonrpc/parseMessage call 4 KB', run: () => parseMessage(INPUTS.call4k) },
  { name: 'jsonrpc/parseMessage list 41 KB', run: () => parseMessage(INPUTS.list) },
];
