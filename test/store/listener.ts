/** A process that listens on the store of its parent: tells how many messages it heard when it learns that some may be missing. */
import { systemClock } from '../../packages/breakwater/src/clock.ts';
import { PipeStore } from '../../packages/breakwater/src/store/pipe-store.ts';

const store = new PipeStore(process, { clock: systemClock });
let heard = 0;
await store.subscribe(
  'c',
  () => void heard++,
  () => process.send?.({ missed: heard }),
);
process.send?.({ listens: true });
