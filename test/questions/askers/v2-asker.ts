/** The asker on SDK v2: a modern request gets a result that requires input, a legacy one is asked in the middle of its call. */
import { randomBytes, randomUUID } from 'node:crypto';
import {
  createRequestStateCodec,
  type InputRequest,
  inputRequired,
  inputResponse,
  McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { Journal } from './journal.ts';
import { KINDS, type Kind, NAME_FORM, PAGE, SAID, SAMPLING_PARAMS, textResult } from './words.ts';

const PATIENCE_MS = 120_000;

const key = randomBytes(32);
const states = createRequestStateCodec<string>({ key });
/** Makes states that are past their time when they are made. */
const lapsedStates = createRequestStateCodec<string>({ key, ttlSeconds: -10 });

/** Makes a server with one tool per kind of question, and `seen`. With `revision` it speaks that legacy one only. */
export function createV2Asker(journal: Journal, revision?: string): McpServer {
  const server = new McpServer(
    { name: 'v2-asker', version: '1.0.0' },
    {
      requestState: { verify: states.verify },
      ...(revision !== undefined && { supportedProtocolVersions: [revision] }),
    },
  );
  for (const kind of KINDS) {
    const inputSchema = z.object({
      key: z.string(),
      patienceMs: z.number().optional(),
      lapsed: z.boolean().optional(),
    });
    server.registerTool(kind, { description: `Asks: ${kind}.`, inputSchema }, async (args, ctx) => {
      if (ctx.mcpReq.envelope !== undefined) return await askByResult(journal, kind, args, ctx);
      try {
        journal.note(args.key, 'asked');
        const said = await askByRequest(kind, ctx, args.patienceMs ?? PATIENCE_MS);
        journal.note(args.key, `got ${said}`);
        return textResult(said);
      } catch (error) {
        journal.note(args.key, `failed ${error instanceof Error ? error.message : String(error)}`);
        throw error;
      }
    });
  }
  const seenSchema = z.object({ key: z.string(), until: z.string() });
  server.registerTool('seen', { inputSchema: seenSchema }, async ({ key, until }) =>
    textResult(JSON.stringify(await journal.read(key, until))),
  );
  return server;
}

async function askByResult(
  journal: Journal,
  kind: Kind,
  args: { key: string; lapsed?: boolean | undefined },
  ctx: ServerContext,
) {
  const said = readAnswer(kind, ctx);
  if (said === undefined) {
    journal.note(args.key, 'asked');
    const requestState = await (args.lapsed === true ? lapsedStates : states).mint(args.key, ctx);
    return inputRequired({ inputRequests: { answer: questionOf(kind) }, requestState });
  }
  journal.note(args.key, `got ${said}`);
  return textResult(said);
}

function questionOf(kind: Kind): InputRequest {
  switch (kind) {
    case 'form':
      return inputRequired.elicit({ message: 'Name?', requestedSchema: z.object({ name: z.string() }) });
    case 'url':
      return inputRequired.elicitUrl({ message: 'Sign in.', url: PAGE });
    case 'sampling':
      return inputRequired.createMessage(SAMPLING_PARAMS);
    case 'roots':
      return inputRequired.listRoots();
  }
}

function readAnswer(kind: Kind, ctx: ServerContext): string | undefined {
  const response = inputResponse(ctx.mcpReq.inputResponses, 'answer');
  if (response.kind === 'elicit') {
    return kind === 'url' ? SAID.url(response.action) : SAID.form(response.action, response.content?.['name']);
  }
  if (response.kind === 'sampling') {
    const [block] = [response.result.content].flat();
    return SAID.sampling(block?.type === 'text' ? block.text : block?.type);
  }
  return response.kind === 'roots' ? SAID.roots(response.roots.map(({ uri }) => uri)) : undefined;
}

async function askByRequest(kind: Kind, { mcpReq }: ServerContext, timeout: number): Promise<string> {
  switch (kind) {
    case 'form': {
      const asked = { mode: 'form' as const, message: 'Name?', requestedSchema: NAME_FORM };
      const { action, content } = await mcpReq.elicitInput(asked, { timeout });
      return SAID.form(action, content?.['name']);
    }
    case 'url': {
      const page = { mode: 'url' as const, message: 'Sign in.', url: PAGE, elicitationId: randomUUID() };
      return SAID.url((await mcpReq.elicitInput(page, { timeout })).action);
    }
    case 'sampling': {
      const [block] = [(await mcpReq.requestSampling(SAMPLING_PARAMS, { timeout })).content].flat();
      return SAID.sampling(block?.type === 'text' ? block.text : block?.type);
    }
    case 'roots': {
      const { roots } = await mcpReq.send({ method: 'roots/list' }, { timeout });
      return SAID.roots(roots.map(({ uri }) => uri));
    }
  }
}
