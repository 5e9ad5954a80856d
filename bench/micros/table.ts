import { anchorMicros } from './anchors.ts';
import { auditMicros } from './audit.ts';
import { jsonrpcMicros } from './jsonrpc.ts';
import type { Micro } from './micro.ts';
import { protocolMicros } from './protocol.ts';
import { wireMicros } from './wire.ts';

/** Every micro-benchmark. To add some: a file beside this one that exports a list, and a line here. */
export const MICROS: readonly Micro[] = [
  ...anchorMicros,
  ...jsonrpcMicros,
  ...wireMicros,
  ...protocolMicros,
  ...auditMicros,
];
