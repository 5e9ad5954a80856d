import { createHash, randomUUID } from 'node:crypto';
import { INPUTS } from './inputs.ts';
import type { Micro } from './micro.ts';

const parsedList: unknown = JSON.parse(INPUTS.list.toString());

/** What the platform itself costs on this machine: the figures to hold ours against. */
export const anchorMicros: readonly Micro[] = [
  { name: 'anchor/JSON.parse call 150 B', run: () => JSON.parse(INPUTS.call.toString()) },
  { name: 'anchor/JSON.parse call 4 KB', run: () => JSON.parse(INPUTS.call4k.toString()) },
  { name: 'anchor/JSON.parse list 41 KB', run: () => JSON.parse(INPUTS.list.toString()) },
  { name: 'anchor/JSON.stringify list 41 KB', run: () => JSON.stringify(parsedList) },
  { name: 'anchor/sha256 list 41 KB', run: () => createHash('sha256').update(INPUTS.list).digest('hex') },
  { name: 'anchor/randomUUID', run: () => randomUUID() },
];
