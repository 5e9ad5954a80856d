import { BIG_TEXT_BYTES, BIG_TEXT_END, writeBigText } from '../upstream-bodies.ts';
import { createLegacyLoad } from './legacy-load.ts';
import { checkLargeResult, checkText, readResult } from './replies.ts';

const FULL_CHECK_EVERY = 64;
const TEXT = writeBigText();

/** Legacy `tools/call` with a 1 MB result: what a byte costs rather than what a request costs. */
export const bigLoad = createLegacyLoad({
  name: 'big',
  client: 'legacy',
  upstream: 'legacy',
  title: 'tools/call with a 1 MB result, legacy session',
  clients: 8,
  paired: false,
  method: 'tools/call',
  writeParams: () => '{"name":"big","arguments":{}}',
  check: (reply, id, step) => {
    checkLargeResult(reply, id, BIG_TEXT_END, BIG_TEXT_BYTES);
    if (step % FULL_CHECK_EVERY === 1) checkText(readResult(reply, id), TEXT);
  },
});
