import { LAST_TOOL, TOOL_COUNT } from '../upstream-bodies.ts';
import { createLegacyLoad } from './legacy-load.ts';
import { WrongReply } from './load.ts';
import { checkLargeResult, readArray, readResult } from './replies.ts';

const LEAST_BYTES = 35_000;
/** One reply in so many is parsed whole: parsing each would make the load generator the limit. */
const FULL_CHECK_EVERY = 64;

/** Legacy `tools/list` of 22 tools. */
export const listLoad = createLegacyLoad({
  name: 'list',
  client: 'legacy',
  upstream: 'legacy',
  title: `tools/list, ${TOOL_COUNT} tools, 41 KB, legacy session`,
  clients: 32,
  paired: false,
  method: 'tools/list',
  writeParams: () => '{}',
  check: (reply, id, step) => {
    checkLargeResult(reply, id, `"${LAST_TOOL}"`, LEAST_BYTES);
    if (step % FULL_CHECK_EVERY !== 1) return;
    const { length } = readArray(readResult(reply, id), 'tools');
    if (length !== TOOL_COUNT) throw new WrongReply(`${length} tools`);
  },
});
