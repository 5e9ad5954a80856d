/** A process that keeps a store in its memory and serves it to its parent; says `ready` first. */
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { MemoryStore } from '../../packages/breakwater/src/store/memory.ts';
import { PipeStoreServer } from '../../packages/breakwater/src/store/pipe-server.ts';

new PipeStoreServer(new MemoryStore(systemClock)).attach(process);
process.send?.('ready');
