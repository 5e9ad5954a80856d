import { HttpConnection } from '../http-connection.ts';
import { MODERN_REVISION, REVISION_KEY } from '../upstream-bodies.ts';
import { writeCallText } from './call.ts';
import { type Load, type LoadClient, WrongReply } from './load.ts';
import { checkText, readResult } from './replies.ts';

const META =
  `"_meta":{"${REVISION_KEY}":"${MODERN_REVISION}","io.modelcontextprotocol/clientCapabilities":{},` +
  '"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"}}';

/** Modern `tools/call`: stateless, routing headers, the envelope in `_meta`. */
export const callModernLoad: Load = {
  name: 'call-modern',
  title: 'tools/call, 64 B echo, 2026-07-28 stateless, JSON answer',
  unit: 'request',
  clients: 32,
  paired: true,
  createClient,
};

function createClient(url: URL): LoadClient {
  const connection = new HttpConnection(url);
  const head =
    `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\nmcp-protocol-version: ${MODERN_REVISION}\r\n` +
    'mcp-method: tools/call\r\nmcp-name: echo\r\ncontent-type: application/json\r\n' +
    'accept: application/json, text/event-stream\r\nuser-agent: bench\r\ncontent-length: ';
  let step = 0;
  return {
    async open() {
      // Nothing precedes a modern request.
    },
    async step() {
      step += 1;
      const text = writeCallText(step);
      const params = `{"name":"echo","arguments":{"text":"${text}"},${META}}`;
      const body = `{"jsonrpc":"2.0","id":${step},"method":"tools/call","params":${params}}`;
      const result = readResult(await connection.exchange(`${head}${body.length}\r\n\r\n${body}`), step);
      checkText(result, text);
      if (result['resultType'] !== 'complete') throw new WrongReply('resultType is not complete');
      return 1;
    },
    async close() {
      connection.close();
    },
  };
}
