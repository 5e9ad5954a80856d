import { LIST_RESULTS } from '../upstream-bodies.ts';

/** Typical bodies, as bytes; shared so that figures of different functions compare. */
export const INPUTS = {
  /** A legacy `tools/call`, about 150 bytes. */
  call: Buffer.from(
    `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"${'.'.repeat(64)}"}}}`,
  ),
  /** A `tools/call` with 4 KB of arguments. */
  call4k: Buffer.from(
    `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"${'lorem ipsum '.repeat(340)}"}}}`,
  ),
  /** The answer to `tools/list`: 22 tools, 41 KB. */
  list: Buffer.from(`{"jsonrpc":"2.0","id":7,"result":${JSON.stringify(LIST_RESULTS['tools/list'])}}`),
};
