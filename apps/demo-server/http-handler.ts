import type { IncomingMessage, ServerResponse } from 'node:http';
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node';

/** Answers HTTP requests; `close` ends what it holds open. */
export interface HttpHandler {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  close(): Promise<void>;
}

/** Turns a handler of web requests into one of Node requests. */
export function toHttpHandler(
  fetch: (request: Request) => Promise<Response>,
  close: () => Promise<void> = async () => undefined,
): HttpHandler {
  const handle = toNodeHandler({ fetch });
  // The SDK declares `method?: string`, which under exactOptionalPropertyTypes excludes Node's own `string | undefined`.
  return { handle: (request, response) => handle(request as NodeIncomingMessageLike, response), close };
}
