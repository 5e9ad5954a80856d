/** The asker of the legacy era on SDK v1: it asks in the middle of a call and waits for as long as the call's `patienceMs` says. */
import { randomUUID } from 'node:crypto';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { ServerNotification, ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import type { Journal } from './journal.ts';
import { KINDS, type Kind, NAME_FORM, PAGE, SAID, SAMPLING_PARAMS, textResult } from './words.ts';

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

const PATIENCE_MS = 120_000;

/** Makes a server with one tool per kind of question, and `seen`. */
export function createV1Asker(journal: Journal, impatientMs?: number): McpServer {
  const mcp = new McpServer({ name: 'v1-asker', version: '1.0.0' });
  for (const kind of KINDS) {
    const inputSchema = { key: z.string(), patienceMs: z.number().optional(), lapsed: z.boolean().optional() };
    mcp.registerTool(kind, { description: `Asks: ${kind}.`, inputSchema }, async ({ key, patienceMs }, extra) => {
      extra.signal.addEventListener('abort', () => journal.note(key, 'cancelled'));
      const timeout = impatientMs ?? patienceMs ?? PATIENCE_MS;
      try {
        journal.note(key, 'asked');
        const said = await ask(mcp, kind, extra, timeout);
        journal.note(key, `got ${said}`);
        return textResult(said);
      } catch (error) {
        journal.note(key, `failed ${error instanceof Error ? error.message : String(error)}`);
        throw error;
      }
    });
  }
  mcp.registerTool('seen', { inputSchema: { key: z.string(), until: z.string() } }, async ({ key, until }) =>
    textResult(JSON.stringify(await journal.read(key, until))),
  );
  return mcp;
}

async function ask({ server }: McpServer, kind: Kind, { requestId }: Extra, timeout: number): Promise<string> {
  const options = { relatedRequestId: requestId, timeout };
  switch (kind) {
    case 'form': {
      const { action, content } = await server.elicitInput({ message: 'Name?', requestedSchema: NAME_FORM }, options);
      return SAID.form(action, content?.['name']);
    }
    case 'url': {
      const page = { mode: 'url' as const, message: 'Sign in.', url: PAGE, elicitationId: randomUUID() };
      return SAID.url((await server.elicitInput(page, options)).action);
    }
    case 'sampling': {
      const { content } = await server.createMessage(SAMPLING_PARAMS, options);
      return SAID.sampling(content.type === 'text' ? content.text : content.type);
    }
    case 'roots': {
      const { roots } = await server.listRoots(undefined, options);
      return SAID.roots(roots.map(({ uri }) => uri));
    }
  }
}
