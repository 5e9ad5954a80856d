/** A server of SDK v1 that asks when its call is long over: outside of any request (eras.md §2.6). */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import * as z from 'zod';
import { NAME_FORM, SAID, SAMPLING_PARAMS, textResult } from './words.ts';

/** The server's side of a test. */
export interface LateAsker {
  create(): McpServer;
  /** Asks on the connection whose tool was called with this key; resolves with what came of it, in words. */
  ask(key: string, what: 'form' | 'sampling' | 'roots' | 'ping', signal?: AbortSignal): Promise<string>;
  /** True once a tool was called with this key. */
  knows(key: string): boolean;
}

/** Makes a late asker. Its tool `hello` remembers the connection under `key`. */
export function makeLateAsker(): LateAsker {
  const known = new Map<string, McpServer>();

  function create(): McpServer {
    const mcp = new McpServer({ name: 'late-asker', version: '1' });
    mcp.registerTool('hello', { inputSchema: { key: z.string() } }, ({ key }) => {
      known.set(key, mcp);
      return textResult(`hello ${key}`);
    });
    return mcp;
  }

  async function ask(key: string, what: 'form' | 'sampling' | 'roots' | 'ping', signal?: AbortSignal): Promise<string> {
    const server = known.get(key)?.server;
    if (server === undefined) throw new TypeError(`nobody said hello as ${key}`);
    const options = { timeout: 60_000, ...(signal !== undefined && { signal }) };
    try {
      switch (what) {
        case 'form': {
          const asked = server.elicitInput({ message: `Name, ${key}?`, requestedSchema: NAME_FORM }, options);
          const { action, content } = await asked;
          return SAID.form(action, content?.['name']);
        }
        case 'sampling': {
          const { content } = await server.createMessage(SAMPLING_PARAMS, options);
          return SAID.sampling(content.type === 'text' ? content.text : content.type);
        }
        case 'roots':
          return SAID.roots((await server.listRoots(undefined, options)).roots.map(({ uri }) => uri));
        case 'ping':
          await server.ping();
          return 'pong';
      }
    } catch (error) {
      return `failed ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  return { create, ask, knows: (key) => known.has(key) };
}
