import type { Micro } from './micro.ts';

/** Every list of micro-benchmarks. To add some: a file beside this one that exports a list, and a line here. Loaded one by one: an older tree lacks some functions. */
export const MICROS: readonly (() => Promise<readonly Micro[]>)[] = [
  async () => (await import('./anchors.ts')).anchorMicros,
  async () => (await import('./jsonrpc.ts')).jsonrpcMicros,
  async () => (await import('./wire.ts')).wireMicros,
  async () => (await import('./protocol.ts')).protocolMicros,
  async () => (await import('./audit.ts')).auditMicros,
];
