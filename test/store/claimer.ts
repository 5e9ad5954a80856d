/** A process that uses the store of its parent: claims leases, tells what it got, then tells what it hears. */
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { PipeStore } from '../../packages/breakwater/src/store/pipe-store.ts';

const store = new PipeStore(process, { clock: systemClock });
await store.subscribe('c', (message) => process.send?.({ heard: message.toString('hex') }));
const names = Array.from({ length: 100 }, (_, at) => `{l:${at}}`);
const claimed = await Promise.all(names.map((name) => store.claim(name, `holder ${process.pid}`, 60_000)));
process.send?.({ claimed });
