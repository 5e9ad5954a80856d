import { HttpConnection, type HttpReply } from '../http-connection.ts';
import { MODERN_REVISION, REVISION_KEY } from '../upstream-bodies.ts';
import { writeCallText } from './call.ts';
import { type Era, type Load, type LoadClient, WrongReply } from './load.ts';
import { checkText, isEventStream, readResult } from './replies.ts';

const META =
  `"${REVISION_KEY}":"${MODERN_REVISION}","io.modelcontextprotocol/clientCapabilities":{},` +
  '"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"}';

/** A kind of modern call: the tool, and what its answer must be beside the text. */
interface ModernCall {
  readonly name: string;
  readonly title: string;
  readonly upstream: Era;
  readonly tool: string;
  readonly paired?: boolean;
  /** Asks for progress. */
  readonly progress?: boolean;
}

/** Modern `tools/call`: stateless, routing headers, the envelope in `_meta`. */
export const callModernLoad = createModernLoad({
  name: 'call-modern',
  title: 'tools/call, 64 B echo, 2026-07-28 stateless, JSON answer',
  upstream: 'modern',
  tool: 'echo',
  paired: true,
});

/** The same with a server that answers each call as an SSE stream of one event. */
export const callModernSseLoad = createModernLoad({
  name: 'call-modern-sse',
  title: 'tools/call, 64 B echo, 2026-07-28 stateless, upstream answers SSE (one event)',
  upstream: 'modern',
  tool: 'echo_sse',
});

/** A modern call that asks for progress. */
export const callModernProgressLoad = createModernLoad({
  name: 'call-modern-progress',
  title: 'tools/call with a progress event before the result, 2026-07-28 stateless, SSE answer',
  upstream: 'modern',
  tool: 'echo_progress',
  progress: true,
});

/** Modern calls to a server that speaks only the legacy era. */
export const callToLegacyLoad = createModernLoad({
  name: 'call-to-legacy',
  title: 'tools/call, 64 B echo, 2026-07-28 stateless, the server legacy: bridged',
  upstream: 'legacy',
  tool: 'echo',
});

function createModernLoad({ name, title, upstream, paired = false, ...call }: ModernCall): Load {
  const createClient = (url: URL): LoadClient => createModernClient(url, call);
  return { name, title, upstream, client: 'modern', unit: 'request', clients: 32, paired, createClient };
}

function createModernClient(url: URL, { tool, progress = false }: Pick<ModernCall, 'tool' | 'progress'>): LoadClient {
  const connection = new HttpConnection(url);
  const head =
    `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\nmcp-protocol-version: ${MODERN_REVISION}\r\n` +
    `mcp-method: tools/call\r\nmcp-name: ${tool}\r\ncontent-type: application/json\r\n` +
    'accept: application/json, text/event-stream\r\nuser-agent: bench\r\ncontent-length: ';
  let step = 0;
  return {
    async open() {
      // Nothing precedes a modern request.
    },
    async step() {
      step += 1;
      const text = writeCallText(step);
      const token = progress ? `"progressToken":"token-${step}",` : '';
      const params = `{"name":"${tool}","arguments":{"text":"${text}"},"_meta":{${token}${META}}}`;
      const body = `{"jsonrpc":"2.0","id":${step},"method":"tools/call","params":${params}}`;
      const reply = await connection.exchange(`${head}${body.length}\r\n\r\n${body}`);
      const result = readResult(reply, step);
      checkText(result, text);
      if (result['resultType'] !== 'complete') throw new WrongReply('resultType is not complete');
      if (progress) checkProgress(reply, step);
      return 1;
    },
    async close() {
      connection.close();
    },
  };
}

function checkProgress(reply: HttpReply, step: number): void {
  if (!isEventStream(reply)) throw new WrongReply('progress was asked for, but the answer is no stream');
  if (!reply.body.includes(`"token-${step}"`)) throw new WrongReply('the progress event is missing');
}
