import { LIST_RESULTS } from '../upstream-bodies.ts';

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
};
const TEXT = '.'.repeat(64);
const RESULT = `{"content":[{"type":"text","text":"${TEXT}"}]}`;

/** Typical bodies, as bytes; shared so that figures of different functions compare. */
export const INPUTS = {
  /** A legacy `tools/call`, about 150 bytes. */
  call: Buffer.from(
    `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"${TEXT}"}}}`,
  ),
  /** The same of the modern era, with its envelope. */
  modernCall: Buffer.from(
    `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"${TEXT}"},"_meta":${JSON.stringify(META)}}}`,
  ),
  /** The envelope's JSON alone. */
  meta: META,
  /** A `tools/call` with 4 KB of arguments. */
  call4k: Buffer.from(
    `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"${'lorem ipsum '.repeat(340)}"}}}`,
  ),
  /** The result of a call, and the response around it as most servers write it. */
  result: Buffer.from(RESULT),
  answer: Buffer.from(`{"jsonrpc":"2.0","id":7,"result":${RESULT}}`),
  /** The same with white space, which the scanner reads. */
  spacedAnswer: Buffer.from(`{ "jsonrpc": "2.0", "id": 7, "result": ${RESULT} }`),
  /** The answer to `tools/list`: 22 tools, 41 KB. */
  list: Buffer.from(`{"jsonrpc":"2.0","id":7,"result":${JSON.stringify(LIST_RESULTS['tools/list'])}}`),
  /** The result of `tools/list` alone. */
  listResult: Buffer.from(JSON.stringify(LIST_RESULTS['tools/list'])),
};
